import type { Container, ExecAction } from '../api/objects.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import type { ProcessStat } from '../host/proc.ts';
import { Deadline } from '../lib/deadline.ts';
import { formatDuration } from '../lib/duration.ts';
import { errorMessage, UnavailableError } from '../lib/errors.ts';
import { sleep } from '../lib/sleep.ts';
import { findExecTree, isAlive, killTree, withChildren } from './exec-tree.ts';
import type { ProbeOutcome } from './probe-outcome.ts';

const OUTPUT_MAX_BYTES = 10 * 1024; // same as the kubelet
// The runtime ends the command at its timeout and answers; a busy one may take its time. While children of the command
// hold its output open it may not get there at all (containerd waits for them), so they are ended when it has.
const LOOK_BEFORE_MS = 150;
const POLL_MS = 50;
const START_PATIENCE_MS = 1000;
const ANSWER_GRACE_MS = 10_000;
const ASKED_AGAIN_MS = 1000;

export interface ExecTarget {
  readonly runtime: RuntimeService;
  readonly podUID: string;
  readonly container: Container;
  readonly containerId: string;
}

interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export async function runExecProbe(
  { command = [] }: ExecAction,
  target: ExecTarget,
  { timeoutMs, signal }: Limits,
): Promise<ProbeOutcome> {
  const words = expandCommand(command, target.container);
  using deadline = new Deadline({ signal });
  deadline.arm(timeoutMs + ANSWER_GRACE_MS);
  const answered = new AbortController();
  const treeEnded = endTreeAtTimeout(words, target, {
    timeoutMs,
    signal: AbortSignal.any([signal, answered.signal]),
  });
  try {
    const options = { signal: deadline.signal, podUID: target.podUID };
    const answer = await target.runtime.execSync(target.containerId, words, timeoutMs / 1000, options);
    if (answer.exitCode === 0) return { kind: 'success' };
    return { kind: 'failure', message: cutOutput(answer.stdout, answer.stderr) };
  } catch (error) {
    signal.throwIfAborted();
    // A runtime that answers nobody has said nothing of this container: restarting it would not help, and not work either.
    if (deadline.isExceeded && !(await isAnswering(target.runtime, signal))) {
      return { kind: 'error', result: 'unknown', message: 'the container runtime does not answer' };
    }
    if (deadline.isExceeded || isTimeout(error)) {
      const message = `command timed out: ${JSON.stringify(words.join(' '))} timed out after ${formatDuration(timeoutMs)}`;
      const ownTimeoutMs = timeoutMs + ANSWER_GRACE_MS;
      return { kind: 'failure', message, ...(deadline.isExceeded ? { ownTimeoutMs } : {}) };
    }
    return { kind: 'error', result: 'unknown', message: formatRpcError(error) };
  } finally {
    answered.abort();
    await treeEnded;
  }
}

async function isAnswering(runtime: RuntimeService, signal: AbortSignal): Promise<boolean> {
  try {
    await runtime.version({ signal: AbortSignal.any([signal, AbortSignal.timeout(ASKED_AGAIN_MS)]) });
    return true;
  } catch {
    signal.throwIfAborted();
    return false; // how it is, the node's condition tells
  }
}

// Until the signal says that the command has ended. Never throws: what it does is a courtesy to the container.
async function endTreeAtTimeout(
  command: readonly string[],
  { runtime, containerId }: ExecTarget,
  { timeoutMs, signal }: Limits,
): Promise<void> {
  const calledAtMs = performance.now();
  const elapsedMs = (): number => performance.now() - calledAtMs;
  await sleep(timeoutMs - LOOK_BEFORE_MS, { signal });
  try {
    let tree: readonly ProcessStat[] = [];
    // It is the runtime that ends the command itself: its clock decides. On a busy node the command starts late.
    while (!signal.aborted && elapsedMs() < timeoutMs + START_PATIENCE_MS && tree.length === 0) {
      tree = await findExecTree({ runtime, containerId, command, calledAtMs }, { signal });
      if (tree.length === 0) await sleep(POLL_MS, { signal });
    }
    const [leader] = tree;
    if (!leader) return;
    while (!signal.aborted && (await isAlive(leader))) {
      tree = await withChildren(leader, tree);
      await sleep(POLL_MS, { signal });
    }
    // Answered before its time: whatever it left in the container it meant to leave.
    if (elapsedMs() >= timeoutMs && !(await isAlive(leader))) await killTree(tree);
  } catch {
    // The runtime does not say where its processes are, or they are gone.
  }
}

/** Both streams, one after the other, as far as anybody is to read them. */
export function cutOutput(stdout: Buffer, stderr: Buffer): string {
  const out = stdout.subarray(0, OUTPUT_MAX_BYTES);
  const err = stderr.subarray(0, OUTPUT_MAX_BYTES - out.length);
  return Buffer.concat([out, err]).toString('utf8');
}

/** The form in which the kubelet quotes a failed CRI call. */
export function formatRpcError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'Unknown';
  return `rpc error: code = ${code} desc = ${errorMessage(error)}`;
}

function isTimeout(error: unknown): boolean {
  return error instanceof UnavailableError && error.code === 'DeadlineExceeded';
}

// `$(NAME)` from literal values alone: a probe does not see what valueFrom and envFrom stand for (upstream the same).
function expandCommand(command: readonly string[], { env = [] }: Container): readonly string[] {
  const values = new Map(env.map(({ name, value }) => [name, value ?? '']));
  return command.map(word =>
    word.replaceAll(/\$(\$|\(([^)]*)\))/g, (match, follower: string, name: string | undefined) =>
      follower === '$' ? '$' : (values.get(name ?? '') ?? match),
    ),
  );
}
