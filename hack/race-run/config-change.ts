// ConfigMap PATCH -> the container reads the new content in its volume.
import { readFile } from 'node:fs/promises';
import { sleep } from '../../agent/lib/sleep.ts';
import { firstContainerID } from './one-by-one.ts';
import { CONFIG_KEY, configPod } from './pods.ts';
import type { Turn } from './turn.ts';

const PODS = 8;
// The kubelet looks at volumes once a minute and some; whoever is later than this has lost all the same.
const TIMEOUT_MS = 150_000;
const MAX_PAUSE_MS = 15_000;
// Fine at first; coarser later, so that looking costs little: always about one per cent of what is measured.
const POLL_MIN_MS = 2;
const POLL_MAX_MS = 50;

export async function raceConfigChange(turn: Turn): Promise<void> {
  const names = Array.from({ length: PODS }, (_, index) => `volume-${index}`);
  await turn.attempt('config', async () => {
    for (const name of names) {
      await turn.arena.createConfigMap(name, { [CONFIG_KEY]: 'before' });
      await turn.arena.createPod(configPod(name));
    }
    const files = await Promise.all(names.map(async name => await findFile(turn, name)));
    await sleep(Math.random() * MAX_PAUSE_MS, turn);
    const content = `after ${performance.now()}`;
    await Promise.all(
      names.map(async (name, index) => {
        const startedAtMs = performance.now();
        await turn.arena.patchConfigMap(name, { [CONFIG_KEY]: content });
        await untilReads(turn, files[index] ?? '', content, startedAtMs);
        turn.add('config', performance.now() - startedAtMs);
      }),
    );
  });
  await turn.arena.removeAllPods();
}

/** The file as the container's own process sees it. */
async function findFile({ arena, signal }: Turn, name: string): Promise<string> {
  const { object } = await arena.untilRunning(name);
  if (object === undefined) throw new Error(`pod ${name} is gone`);
  const pid = await arena.node.findContainerPid(firstContainerID(object), { signal });
  const file = `/proc/${pid}/root/config/${CONFIG_KEY}`;
  if ((await readFile(file, 'utf8')) !== 'before') throw new Error(`${name} does not have its ConfigMap`);
  return file;
}

async function untilReads(turn: Turn, file: string, content: string, startedAtMs: number): Promise<void> {
  while ((await readFile(file, 'utf8')) !== content) {
    const elapsedMs = performance.now() - startedAtMs;
    if (elapsedMs > TIMEOUT_MS)
      throw new Error(`the old content is still there after ${TIMEOUT_MS / 1000} s`);
    await sleep(Math.min(POLL_MAX_MS, Math.max(POLL_MIN_MS, elapsedMs / 100)), turn);
  }
}
