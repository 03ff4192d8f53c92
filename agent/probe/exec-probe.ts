import type { Container, ExecAction } from '../api/objects.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { Deadline } from '../lib/deadline.ts';
import { formatDuration } from '../lib/duration.ts';
import { errorMessage, UnavailableError } from '../lib/errors.ts';
import type { ProbeOutcome } from './probe-outcome.ts';

const OUTPUT_MAX_BYTES = 10 * 1024; // same as the kubelet
// The runtime ends the command and answers. One whose children hold its output open may not get there (containerd
// waits for them by default); nobody waits that long for a result that is known.
const ANSWER_GRACE_MS = 500;

export interface ExecTarget {
  readonly runtime: RuntimeService;
  readonly podUID: string;
  readonly container: Container;
  readonly containerId: string;
}

export async function runExecProbe(
  { command = [] }: ExecAction,
  { runtime, podUID, container, containerId }: ExecTarget,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ProbeOutcome> {
  const words = expandCommand(command, container);
  using deadline = new Deadline({ signal });
  deadline.arm(timeoutMs + ANSWER_GRACE_MS);
  try {
    const options = { signal: deadline.signal, podUID };
    const { exitCode, stdout, stderr } = await runtime.execSync(
      containerId,
      words,
      timeoutMs / 1000,
      options,
    );
    if (exitCode === 0) return { kind: 'success' };
    return { kind: 'failure', message: cutOutput(stdout, stderr) };
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.isExceeded || isTimeout(error)) {
      const message = `command timed out: ${JSON.stringify(words.join(' '))} timed out after ${formatDuration(timeoutMs)}`;
      const ownTimeoutMs = timeoutMs + ANSWER_GRACE_MS;
      return { kind: 'failure', message, ...(deadline.isExceeded ? { ownTimeoutMs } : {}) };
    }
    return { kind: 'error', result: 'unknown', message: formatRpcError(error) };
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
