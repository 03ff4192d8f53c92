import { mkdir } from 'node:fs/promises';
import type { Pod } from '../api/objects.ts';
import type { CgroupLimits } from '../host/cgroup-limits.ts';
import { ConflictError, errorMessage } from '../lib/errors.ts';
import { sleep } from '../lib/sleep.ts';
import { podHugepageBytes } from '../resources/linux-resources.ts';
import { podDirectory } from '../volume/pod-directories.ts';
import { buildPodLimits } from './build-pod-limits.ts';
import type { ActionSignals, PodEffects } from './effects.ts';
import { formatPod, podUID } from './naming.ts';
import type { ActionOutcome } from './outcome.ts';
import type { PodContext } from './pod-context.ts';
import type { PodAction } from './pod-plan.ts';
import { formatRpcError } from './rpc-error.ts';
import { buildSandboxConfig } from './sandbox-config.ts';

// Places keep a burst in order. A call that takes this long is no burst: it must not keep other pods waiting.
const PLACE_HELD_MS = 2000;

const NO_CLUSTER_DNS =
  'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.';

/** Directories, cgroup, sandbox: in this order, each of them idempotent. */
export async function createSandbox(
  action: PodAction & { kind: 'createSandbox' },
  pod: Pod,
  effects: PodEffects,
  signals: ActionSignals,
): Promise<ActionOutcome> {
  const { events, runtime, contexts, sandboxPlaces, logger, clock } = effects;
  const networkProblem = pod.spec.hostNetwork ? undefined : contexts.networkProblem();
  if (networkProblem !== undefined) return failNetwork(pod, effects, networkProblem);
  const handler = await findRuntimeHandler(pod, effects, signals.interrupt);
  if (handler.kind === 'failed') return failSandbox(pod, effects, handler.message);
  const problem = contexts.userNamespaceProblem(pod, handler.runtimeHandler);
  if (problem !== undefined) return failSandbox(pod, effects, problem);
  const context = await contexts.read(pod);
  const outcome = buildSandboxConfig(pod, action.attempt, context);
  if (outcome.kind === 'refused') return failSandbox(pod, effects, outcome.message);
  if (action.replaces !== undefined) {
    events.pod(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
  }
  for (const warning of outcome.dns.warnings) events.pod(pod, 'Warning', 'DNSConfigForming', warning);
  if (outcome.dns.isClusterDNSMissing) {
    const text = `pod: "${formatPod(pod)}". ${NO_CLUSTER_DNS}`;
    events.pod(pod, 'Warning', 'MissingClusterDNS', text);
  }
  try {
    const directory = podDirectory(context.rootDir, podUID(pod));
    await Promise.all([
      mkdir(`${directory}/volumes`, { recursive: true, mode: 0o750 }),
      mkdir(`${directory}/plugins`, { recursive: true, mode: 0o750 }),
      mkdir(outcome.config.logDirectory ?? '', { recursive: true, mode: 0o755 }),
    ]);
    await effects.cgroups.ensure(context.cgroupParent, podCgroupLimits(pod, context), {
      signal: signals.shutdown,
    });
  } catch (error) {
    const message = `unable to ensure pod container exists: ${errorMessage(error)}`;
    events.pod(pod, 'Warning', 'FailedCreatePodContainer', message);
    return { kind: 'failed', step: 'sandbox', message, isTold: true };
  }
  try {
    const options = { signal: signals.shutdown, podUID: podUID(pod) };
    // One that died by itself still has its address, and rules for host ports that would stand before the new one's.
    if (action.replaces !== undefined) await runtime.stopPodSandbox(action.replaces, options);
    const { runtimeHandler } = handler;
    let sandboxId = '';
    const run = async (): Promise<void> => {
      const startedAtMs = clock.nowMs();
      sandboxId = await runtime.runPodSandbox(outcome.config, { runtimeHandler }, options);
      const durationMs = clock.nowMs() - startedAtMs;
      logger.info({ sandboxId, attempt: action.attempt, durationMs }, 'sandbox created');
    };
    let running: Promise<void> | undefined;
    const runInPlace = async (): Promise<void> => {
      running = run();
      await settledWithin(running, PLACE_HELD_MS);
    };
    const priority = -(pod.spec.priority ?? 0); // critical pods first
    await sandboxPlaces.run(runInPlace, { signal: signals.interrupt, priority });
    await running;
    return { kind: 'done', touched: [{ kind: 'sandbox', id: sandboxId }] };
  } catch (error) {
    if (signals.interrupt.aborted) throw error;
    // The runtime still makes or unmakes the one an agent before us has asked for: no news for the pod's owner.
    if (error instanceof ConflictError)
      return { kind: 'failed', step: 'sandbox', message: errorMessage(error) };
    return failSandbox(pod, effects, formatRpcError(error));
  }
}

type RuntimeHandler =
  | { readonly kind: 'found'; readonly runtimeHandler: string }
  | { readonly kind: 'failed'; readonly message: string };

async function findRuntimeHandler(
  pod: Pod,
  { runtimeClasses }: PodEffects,
  signal: AbortSignal,
): Promise<RuntimeHandler> {
  try {
    return { kind: 'found', runtimeHandler: await runtimeClasses.handlerOf(pod, { signal }) };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'failed', message: errorMessage(error) };
  }
}

// The kubelet comes back every second as well: the network of a node that starts is there in a moment.
const NETWORK_RETRY_MS = 1000;

function failNetwork(pod: Pod, { events }: PodEffects, problem: string): ActionOutcome {
  const message = `network is not ready: ${problem}`;
  events.pod(pod, 'Warning', 'NetworkNotReady', message);
  return { kind: 'failed', step: 'sandbox', message, isTold: true, retryAfterMs: NETWORK_RETRY_MS };
}

async function settledWithin(promise: Promise<void>, timeMs: number): Promise<void> {
  const over = new AbortController();
  const settled = promise.then(
    () => over.abort(),
    () => over.abort(), // its owner looks at the outcome
  );
  await Promise.race([settled, sleep(timeMs, { signal: over.signal })]);
}

function failSandbox(pod: Pod, { events }: PodEffects, message: string): ActionOutcome {
  const text = `Failed to create pod sandbox: ${message}`;
  const isTold = pod.metadata.deletionTimestamp === undefined;
  if (isTold) events.pod(pod, 'Warning', 'FailedCreatePodSandBox', text);
  return { kind: 'failed', step: 'sandbox', message: text, isTold };
}

// What a resize may change later, and what stays as it is.
function podCgroupLimits(pod: Pod, context: PodContext): CgroupLimits {
  const { cpuQuotaUs, cpuPeriodUs, ...others } = buildPodLimits(pod);
  const isLimited = context.isCpuLimited && cpuQuotaUs !== undefined;
  return {
    ...others,
    ...(isLimited ? { cpuQuotaUs, ...(cpuPeriodUs === undefined ? {} : { cpuPeriodUs }) } : {}),
    ...(context.podPidsLimit === undefined ? {} : { pidsMax: context.podPidsLimit }),
    hugepageLimitBytes: new Map(
      context.hugepageSizes.map(pageBytes => [pageBytes, podHugepageBytes(pod.spec, pageBytes)]),
    ),
  };
}
