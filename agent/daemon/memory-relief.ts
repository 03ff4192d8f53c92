// A burst of pods leaves a heap half full of garbage and a C heap full of holes. V8 collects when it next needs room,
// which on a node at rest is hours away, and glibc never gives holes back by itself.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trimHeap } from '../host/libc.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { planMemoryRelief } from './plan-memory-relief.ts';

const SPAN_MS = 5_000;

/** Gives memory back when the agent has come to rest, until aborted. It costs the event loop some 25 ms each time. */
export async function runMemoryRelief({ logger }: { logger: Logger }, { signal }: { signal: AbortSignal }) {
  let hasWorked = true; // starting up is work
  let before = process.cpuUsage();
  while (!signal.aborted) {
    await sleep(SPAN_MS, { signal });
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    const plan = planMemoryRelief({ cpuShare: (user + system) / 1000 / SPAN_MS, hasWorked });
    if (plan === 'wait') continue;
    hasWorked = plan === 'note work';
    if (plan === 'give back' && !signal.aborted) giveBackMemory(logger);
  }
}

function giveBackMemory(logger: Logger): void {
  const rssBefore = process.memoryUsage.rss();
  collectGarbage();
  trimHeap();
  logger.debug({ rssBefore, rss: process.memoryUsage.rss() }, 'the agent is at rest: memory given back');
}

/** A full collection. Only a context made after the flag has the function. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
}
