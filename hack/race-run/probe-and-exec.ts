// Rows that need probes or the node server: readiness and exec.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../agent/api/objects.ts';
import { sleep } from '../../agent/lib/sleep.ts';
import { runOk } from '../sandbox/run.ts';
import { firstContainerID } from './one-by-one.ts';
import { probedPod, READY_FILE } from './pods.ts';
import type { Turn } from './turn.ts';

const PROBED_PODS = 10;
const EXECS = 10;
const EXEC_POD = 'exec';
const MAX_PAUSE_MS = 3000;
const PROBE_PERIOD_MS = 1000;

export async function raceReadiness(turn: Turn): Promise<void> {
  const names = Array.from({ length: PROBED_PODS }, (_, index) => `probed-${index}`);
  await turn.attempt('readiness', async () => {
    for (const name of names) await turn.arena.createPod(probedPod(name));
    const files = await Promise.all(names.map(async name => await findReadyFile(turn, name)));
    await sleep(Math.random() * MAX_PAUSE_MS, turn);
    await Promise.all(
      names.map(async (name, index) => {
        await sleep(momentOf(index), turn);
        const startedAtMs = performance.now();
        await writeFile(files[index] ?? '', '');
        const { atMs } = await turn.arena.until(name, 'Ready', pod => isReady(pod) === true);
        turn.add('readinessUp', atMs - startedAtMs);
      }),
    );
    await sleep(Math.random() * MAX_PAUSE_MS, turn);
    await Promise.all(
      names.map(async (name, index) => {
        await sleep(momentOf(index), turn);
        const startedAtMs = performance.now();
        await rm(files[index] ?? '');
        const { atMs } = await turn.arena.until(name, 'not Ready', pod => isReady(pod) === false);
        turn.add('readinessDown', atMs - startedAtMs);
      }),
    );
  });
  await turn.arena.removeAllPods();
}

// Pods that were made together are probed together: each file has its own moment, or ten samples are one. The moments
// are spread over the period, since how long a file waits for its probe is luck that is to be the same for all.
function momentOf(index: number): number {
  return ((index + Math.random()) / PROBED_PODS) * PROBE_PERIOD_MS;
}

export async function raceExec(turn: Turn): Promise<void> {
  const { arena, signal } = turn;
  const kubectl = join(arena.sandbox.paths.bin, 'kubectl');
  const kubeconfig = `--kubeconfig=${arena.sandbox.adminKubeconfigPath}`;
  await turn.attempt('exec', async () => {
    await arena.createPod(probedPod(EXEC_POD));
    await arena.untilRunning(EXEC_POD);
    for (let index = 0; index < EXECS; index += 1) {
      const startedAtMs = performance.now();
      // An exit status other than 0 throws: `true` ran, or the figure does not count.
      await runOk(kubectl, [kubeconfig, '--namespace=race', 'exec', EXEC_POD, '--', 'true'], { signal });
      turn.add('exec', performance.now() - startedAtMs);
    }
  });
  await arena.removeAllPods();
}

async function findReadyFile({ arena, signal }: Turn, name: string): Promise<string> {
  const { object } = await arena.untilRunning(name);
  if (object === undefined) throw new Error(`pod ${name} is gone`);
  if (isReady(object) !== false) throw new Error(`pod ${name} is Ready without its file`);
  const pid = await arena.node.findContainerPid(firstContainerID(object), { signal });
  return `/proc/${pid}/root${READY_FILE}`;
}

function isReady(pod: Pod | undefined): boolean | undefined {
  const condition = pod?.status?.conditions?.find(({ type }) => type === 'Ready');
  return condition && condition.status === 'True';
}
