// Lifecycle hooks of containers (pkg/kubelet/lifecycle/handlers.go). None has a timeout of its own: postStart may take
// as long as it likes, preStop as long as the grace period, which the caller's signal keeps.

import type { Container, HTTPGetAction, LifecycleHandler, Pod } from '../api/objects.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { errorMessage } from '../lib/errors.ts';
import { sleep } from '../lib/sleep.ts';
import { cutOutput } from '../probe/exec-probe.ts';
import { httpGet } from '../probe/http-get.ts';
import { buildHttpRequest, type HttpRequest } from '../probe/http-request.ts';
import { formatPod, podUID } from './naming.ts';
import { formatRpcError } from './rpc-error.ts';

export interface HookTarget {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIP: string;
  readonly runtime: RuntimeService;
}

export type HookOutcome =
  | {
      readonly kind: 'ok';
      /** The message of a Warning `LifecycleHTTPFallback` that is to be told about the pod. */
      readonly httpFallback?: string;
    }
  /** The details; the events `FailedPostStartHook` and `FailedPreStopHook` leave them out. */
  | { readonly kind: 'failed'; readonly message: string };

const OK: HookOutcome = { kind: 'ok' };

/** Runs a hook to its end, or until the signal aborts, which is a failure too. Never throws. */
export async function runHook(
  handler: LifecycleHandler,
  target: HookTarget,
  { signal }: { readonly signal: AbortSignal },
): Promise<HookOutcome> {
  try {
    if (handler.exec) return await runExec(handler.exec.command ?? [], target, signal);
    if (handler.httpGet) return await runHttp(handler.httpGet, target, signal);
    if (handler.sleep) return await runSleep(handler.sleep.seconds, target, signal);
  } catch (error) {
    const message = signal.aborted ? 'container terminated before the hook finished' : errorMessage(error);
    return fail('Lifecycle hook', target, message);
  }
  // tcpSocket: the API still knows it, no kubelet has ever run it.
  return { kind: 'failed', message: `Cannot run handler: invalid handler: ${JSON.stringify(handler)}` };
}

async function runExec(
  command: readonly string[],
  target: HookTarget,
  signal: AbortSignal,
): Promise<HookOutcome> {
  const what = `Exec lifecycle hook ([${command.join(' ')}])`;
  const fails = (text: string, output: string): HookOutcome =>
    fail(what, target, `${text}, message: ${JSON.stringify(output)}`);
  try {
    const options = { signal, podUID: podUID(target.pod) };
    const { exitCode, stdout, stderr } = await target.runtime.execSync(
      target.containerId,
      command,
      0,
      options,
    );
    if (exitCode === 0) return OK;
    const text = `command '${command.join(' ')}' exited with ${exitCode}: ${cutOutput(stderr, Buffer.alloc(0))}`;
    return fails(text, cutOutput(stdout, stderr));
  } catch (error) {
    return fails(signal.aborted ? 'context canceled' : formatRpcError(error), '');
  }
}

async function runSleep(seconds: number, target: HookTarget, signal: AbortSignal): Promise<HookOutcome> {
  await sleep(seconds * 1000, { signal });
  if (!signal.aborted) return OK;
  return fail(`Sleep lifecycle hook (${seconds})`, target, 'container terminated before sleep hook finished');
}

async function runHttp(action: HTTPGetAction, target: HookTarget, signal: AbortSignal): Promise<HookOutcome> {
  const what = `HTTP lifecycle hook (${action.path ?? ''})`;
  const built = buildHttpRequest(action, target.container, target.podIP, 'lifecycle');
  if (built.kind === 'invalid') return fail(what, target, built.message);
  const limits = { timeoutMs: Number.POSITIVE_INFINITY, signal };
  const outcome = await httpGet(built.request, limits);
  if (outcome.kind !== 'failed') return OK; // whatever the answer says
  if (outcome.isPlainAnswer) {
    const plain = await httpGet(withoutTls(built.request), limits);
    if (plain.kind !== 'failed') return { kind: 'ok', httpFallback: fallbackText(built.request) };
  }
  return fail(what, target, outcome.message);
}

// Credentials meant for TLS do not go over the wire in the clear.
function withoutTls({ url, host, headers }: HttpRequest): HttpRequest {
  const kept = headers.filter(([name]) => name !== 'Authorization');
  return { url: { ...url, scheme: 'http' }, host, headers: kept };
}

function fallbackText({ url }: HttpRequest): string {
  return `request to HTTPS lifecycle hook ${url.authority} got HTTP response, retry with HTTP succeeded`;
}

function fail(what: string, { pod, container }: HookTarget, error: string): HookOutcome {
  const where = `for Container ${JSON.stringify(container.name)} in Pod ${JSON.stringify(formatPod(pod))}`;
  return { kind: 'failed', message: `${what} ${where} failed - error: ${error}` };
}
