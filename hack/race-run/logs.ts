// Row logs: a big file through `kubectl logs`, and how soon a new line comes out of `kubectl logs -f`. The lines are
// written into the container's log file from outside, as the runtime writes them, so that both sides read the same.
import { spawn } from 'node:child_process';
import { appendFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sleep } from '../../agent/lib/sleep.ts';
import { IMAGES } from '../sandbox/images.ts';
import { runOk } from '../sandbox/run.ts';
import type { PodManifest } from './arena.ts';
import { firstContainerID } from './one-by-one.ts';
import { plainPod } from './pods.ts';
import type { Turn } from './turn.ts';

const BIG_BYTES = 1_000_000_000;
const LINE_BYTES = 120;
const BIG_POD = 'big-log';
const FOLLOWED_POD = 'followed';
const LINES = 30;
const MAX_PAUSE_MS = 300;
const FOLLOW_SETTLE_MS = 1000;

export async function raceLogs(turn: Turn): Promise<void> {
  await turn.attempt('logs', async () => await readBig(turn));
  await turn.attempt('logs -f', async () => await follow(turn));
  await turn.arena.removeAllPods();
}

/** The log of a container that has ended: nobody rotates it. */
async function readBig(turn: Turn): Promise<void> {
  const { arena, signal } = turn;
  await arena.createPod(endedPod(BIG_POD));
  const { object } = await arena.until(BIG_POD, 'over', pod => pod?.status?.phase === 'Succeeded');
  if (object === undefined) throw new Error('a pod that is over and gone');
  const file = await arena.node.findLogFile(firstContainerID(object), turn);
  const textBytes = await fill(file);
  const startedAtMs = performance.now();
  // What arrived is counted, or the figure does not count.
  const stdout = await runOk('sh', ['-c', '"$@" | wc -c', 'sh', ...kubectlLogs(turn, BIG_POD)], {
    signal,
  });
  const tookMs = performance.now() - startedAtMs;
  if (Number(stdout) !== textBytes) throw new Error(`${stdout.trim()} bytes came of ${textBytes}`);
  turn.add('logRead', tookMs * (1e9 / BIG_BYTES));
}

/** Returns how many bytes of text the lines carry. */
async function fill(path: string): Promise<number> {
  const text = `${'x'.repeat(LINE_BYTES - 1)}\n`;
  const line = `2026-01-01T00:00:00.000000000Z stdout F ${text}`;
  const count = Math.floor(BIG_BYTES / line.length);
  const chunk = Buffer.from(line.repeat(8192));
  await using file = await open(path, 'w');
  for (let left = count; left > 0; left -= 8192)
    await file.write(chunk, 0, Math.min(left, 8192) * line.length);
  return count * text.length;
}

async function follow(turn: Turn): Promise<void> {
  const { arena, signal } = turn;
  await arena.createPod(plainPod(FOLLOWED_POD));
  const { object } = await arena.untilRunning(FOLLOWED_POD);
  if (object === undefined) throw new Error('a pod that runs and is gone');
  const file = await arena.node.findLogFile(firstContainerID(object), turn);
  const [kubectl, ...args] = kubectlLogs(turn, FOLLOWED_POD);
  const child = spawn(kubectl, [...args, '--follow'], { stdio: ['ignore', 'pipe', 'inherit'], signal });
  child.once('error', () => undefined); // the signal's; a line that does not come is what counts
  const seen = new Map<string, number>();
  createInterface({ input: child.stdout }).on('line', line => seen.set(line, performance.now()));
  try {
    await sleep(FOLLOW_SETTLE_MS, turn);
    for (let index = 0; index < LINES; index += 1) {
      await sleep(Math.random() * MAX_PAUSE_MS, turn);
      const writtenAtMs = performance.now();
      await appendFile(file, `${new Date().toISOString()} stdout F line ${index}\n`);
      await sleep(MAX_PAUSE_MS, turn);
      const seenAtMs = seen.get(`line ${index}`);
      if (seenAtMs === undefined) throw new Error(`line ${index} is not seen within ${MAX_PAUSE_MS} ms`);
      turn.add('logFollow', seenAtMs - writtenAtMs);
    }
  } finally {
    child.kill('SIGKILL');
  }
}

function kubectlLogs({ arena: { sandbox } }: Turn, pod: string): readonly [string, ...string[]] {
  const kubectl = join(sandbox.paths.bin, 'kubectl');
  return [kubectl, `--kubeconfig=${sandbox.adminKubeconfigPath}`, '--namespace=race', 'logs', pod];
}

function endedPod(name: string): PodManifest {
  const { spec } = plainPod(name);
  const containers = [{ name: 'main', image: IMAGES.busybox, command: ['true'] }];
  return { metadata: { name }, spec: { ...spec, restartPolicy: 'Never', containers } };
}
