// Rows with one pod at a time: start, start with volumes, delete, crash.
import { readFile } from 'node:fs/promises';
import type { Pod } from '../../agent/api/objects.ts';
import { sleep } from '../../agent/lib/sleep.ts';
import { isRunning, type PodManifest } from './arena.ts';
import { CONFIG_KEY, configPod, plainPod } from './pods.ts';
import type { Turn } from './turn.ts';

const STARTS = 15;
const CONFIG_STARTS = 10;
const CRASHES = 10;
// Both have loops of a second; nothing may fall into step with them.
const RANDOM_PAUSE_MS = 1000;

export async function raceStarts(turn: Turn): Promise<void> {
  for (let index = 0; index < STARTS; index += 1) {
    await turn.attempt('start', async () => {
      const { pod, tookMs } = await startPod(turn, plainPod(`start-${index}`));
      if (turn.has('start')) turn.add('start', tookMs);
      await deletePod(turn, pod);
    });
  }
}

export async function raceConfigStarts(turn: Turn): Promise<void> {
  for (let index = 0; index < CONFIG_STARTS; index += 1) {
    await turn.attempt('start-config', async () => {
      const name = `config-${index}`;
      const content = `${turn.source} ${performance.now()}`;
      await turn.arena.createConfigMap(name, { [CONFIG_KEY]: content });
      const { pod, tookMs } = await startPod(turn, configPod(name));
      await checkVolumes(turn, pod, content);
      turn.add('startConfig', tookMs);
      await removePod(turn, pod);
    });
  }
}

export async function raceCrashes(turn: Turn): Promise<void> {
  for (let index = 0; index < CRASHES; index += 1) {
    await turn.attempt('crash', async () => {
      const { pod } = await startPod(turn, plainPod(`crash-${index}`));
      await crashContainer(turn, pod);
      await removePod(turn, pod);
    });
  }
}

async function startPod(turn: Turn, manifest: PodManifest): Promise<{ pod: Pod; tookMs: number }> {
  const { arena, signal } = turn;
  await sleep(Math.random() * RANDOM_PAUSE_MS, { signal });
  const startedAtMs = performance.now();
  await arena.createPod(manifest);
  const { object: pod, atMs } = await arena.untilRunning(manifest.metadata.name);
  if (pod === undefined) throw new Error('a pod that runs and is gone');
  await arena.node.checkRunning(pod, { signal });
  return { pod, tookMs: atMs - startedAtMs };
}

async function deletePod(turn: Turn, pod: Pod): Promise<void> {
  const { arena, signal } = turn;
  await sleep(Math.random() * RANDOM_PAUSE_MS, { signal });
  const startedAtMs = performance.now();
  await removePod(turn, pod);
  const { atMs } = await arena.untilGone(pod.metadata.name);
  await arena.node.checkGone(pod.metadata.uid ?? '', { signal });
  if (turn.has('delete')) turn.add('delete', atMs - startedAtMs);
}

async function removePod({ arena }: Turn, { metadata }: Pod): Promise<void> {
  await arena.deletePod(metadata.name);
  await arena.untilGone(metadata.name);
}

/** The container itself must see its ConfigMap and its token. */
async function checkVolumes({ arena, signal }: Turn, pod: Pod, expected: string): Promise<void> {
  const pid = await arena.node.findContainerPid(firstContainerID(pod), { signal });
  const content = await readFile(`/proc/${pid}/root/config/${CONFIG_KEY}`, 'utf8');
  if (content !== expected) throw new Error(`the ConfigMap in the volume reads ${content}`);
  const token = `/proc/${pid}/root/run/secrets/kubernetes.io/serviceaccount/token`;
  const alternative = `/proc/${pid}/root/var/run/secrets/kubernetes.io/serviceaccount/token`;
  const text = await readFile(alternative, 'utf8').catch(async () => await readFile(token, 'utf8'));
  if (text.split('.').length !== 3) throw new Error('the token in the volume is none');
}

async function crashContainer(turn: Turn, pod: Pod): Promise<void> {
  const { arena, signal } = turn;
  const { name } = pod.metadata;
  const pid = await arena.node.findContainerPid(firstContainerID(pod), { signal });
  await sleep(Math.random() * RANDOM_PAUSE_MS, { signal });
  const startedAtMs = performance.now();
  process.kill(pid, 'SIGKILL');
  const { object, atMs } = await arena.until(
    name,
    'running again',
    now => now !== undefined && now.status?.containerStatuses?.[0]?.restartCount === 1 && isRunning(now),
  );
  if (object === undefined) throw new Error('a pod that runs and is gone');
  await arena.node.checkRunning(object, { signal });
  if (firstContainerID(object) === firstContainerID(pod)) throw new Error('the killed container runs still');
  turn.add('crash', atMs - startedAtMs);
}

export function firstContainerID(pod: Pod): string {
  return pod.status?.containerStatuses?.[0]?.containerID ?? '';
}
