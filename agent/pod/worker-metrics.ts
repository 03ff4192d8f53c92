// The kubelet's figures about what pod workers do (pkg/kubelet/metrics/metrics.go).
import { Counter, Histogram } from 'prom-client';
import type { ContainerStatus, Pod, PodStatus } from '../api/objects.ts';
import { metricsRegistry } from '../lib/metrics.ts';
import type { PodLifecycle } from './lifecycle.ts';
import { CONFIG_SEEN_ANNOTATION } from './naming.ts';
import type { ActionOutcome } from './outcome.ts';
import { type ContainerRole, roleOf } from './pod-containers.ts';
import type { PodAction } from './pod-plan.ts';

const registers = [metricsRegistry];
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const START_BUCKETS = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700,
  3600,
];

const workerSeconds = new Histogram({
  name: 'kubelet_pod_worker_duration_seconds',
  help: '[ALPHA] Duration in seconds to sync a single pod. Broken down by operation type.',
  labelNames: ['operation_type'],
  buckets: DURATION_BUCKETS,
  registers,
});
const startSeconds = new Histogram({
  name: 'kubelet_pod_start_duration_seconds',
  help: '[ALPHA] Duration in seconds from the node seeing a pod for the first time to the pod starting to run',
  buckets: START_BUCKETS,
  registers,
});
const sandboxSeconds = new Histogram({
  name: 'kubelet_run_podsandbox_duration_seconds',
  help: '[ALPHA] Duration in seconds of the run_podsandbox operations.',
  labelNames: ['runtime_handler'],
  buckets: DURATION_BUCKETS,
  registers,
});
const sandboxErrorsTotal = new Counter({
  name: 'kubelet_run_podsandbox_errors_total',
  help: '[ALPHA] Cumulative number of the run_podsandbox operation errors.',
  labelNames: ['runtime_handler'],
  registers,
});
const startedPodsTotal = new Counter({
  name: 'kubelet_started_pods_total',
  help: '[ALPHA] Cumulative number of pods started',
  registers,
});
const startedPodErrorsTotal = new Counter({
  name: 'kubelet_started_pods_errors_total',
  help: '[ALPHA] Cumulative number of errors when starting pods',
  registers,
});
const startedUserNamespacedPodsTotal = new Counter({
  name: 'kubelet_started_user_namespaced_pods_total',
  help: '[ALPHA] Cumulative number of pods with user namespaces started',
  registers,
});
const startedUserNamespacedPodErrorsTotal = new Counter({
  name: 'kubelet_started_user_namespaced_pods_errors_total',
  help: '[ALPHA] Cumulative number of errors when starting pods with user namespaces',
  registers,
});
const startedContainersTotal = new Counter({
  name: 'kubelet_started_containers_total',
  help: '[ALPHA] Cumulative number of containers started',
  labelNames: ['container_type'],
  registers,
});
const terminatedContainersTotal = new Counter({
  name: 'kubelet_terminated_containers_total',
  help: '[ALPHA] Cumulative number of container terminations.',
  labelNames: ['container_type', 'exit_code', 'reason'],
  registers,
});
const startedContainerErrorsTotal = new Counter({
  name: 'kubelet_started_containers_errors_total',
  help: '[ALPHA] Cumulative number of errors when starting containers',
  labelNames: ['container_type', 'code'],
  registers,
});

const OPERATIONS: Readonly<Record<PodLifecycle, string>> = {
  syncing: 'sync',
  terminating: 'kill',
  terminated: 'terminated',
};
const CONTAINER_TYPES: Readonly<Record<ContainerRole, string>> = {
  init: 'init_container',
  sidecar: 'init_container',
  regular: 'container',
  ephemeral: 'ephemeral_container',
};

/** One pass of a worker that had something to do. */
export async function measurePass(lifecycle: PodLifecycle, pass: () => Promise<void>): Promise<void> {
  const stopTimer = workerSeconds.startTimer({ operation_type: OPERATIONS[lifecycle] });
  await pass();
  stopTimer();
}

export async function measureAction(
  pod: Pod | undefined,
  action: PodAction,
  execute: () => Promise<ActionOutcome>,
): Promise<ActionOutcome> {
  const startedAtMs = performance.now();
  const outcome = await execute();
  countAction(pod, action, outcome, performance.now() - startedAtMs);
  return outcome;
}

function countAction(
  pod: Pod | undefined,
  action: PodAction,
  outcome: ActionOutcome,
  durationMs: number,
): void {
  switch (action.kind) {
    case 'createSandbox':
      countSandbox(pod, outcome, durationMs);
      return;
    case 'startContainer':
      countStart(pod, action.containerName, outcome);
      return;
    default:
  }
}

function countSandbox(pod: Pod | undefined, { kind }: ActionOutcome, durationMs: number): void {
  const labels = { runtime_handler: pod?.spec.runtimeClassName ?? '' };
  const hasUserNamespace = pod?.spec.hostUsers === false;
  if (kind === 'done') {
    startedPodsTotal.inc();
    if (hasUserNamespace) startedUserNamespacedPodsTotal.inc();
    sandboxSeconds.observe(labels, durationMs / 1000);
  }
  if (kind === 'failed') {
    startedPodErrorsTotal.inc();
    if (hasUserNamespace) startedUserNamespacedPodErrorsTotal.inc();
    sandboxErrorsTotal.inc(labels);
  }
}

function countStart(pod: Pod | undefined, name: string, outcome: ActionOutcome): void {
  const container_type = CONTAINER_TYPES[(pod && roleOf(pod.spec, name)) ?? 'regular'];
  if (outcome.kind === 'done') startedContainersTotal.inc({ container_type });
  if (outcome.kind === 'notStarted')
    startedContainerErrorsTotal.inc({ container_type, code: outcome.reason });
}

/** When a pod's status says for the first time that it runs. */
export function countStartedPod({ metadata }: Pod, before: PodStatus, now: PodStatus, nowMs: number): void {
  const seenAtMs = Date.parse(metadata.annotations?.[CONFIG_SEEN_ANNOTATION] ?? '');
  if (now.phase !== 'Running' || before.phase === 'Running' || Number.isNaN(seenAtMs)) return;
  startSeconds.observe(Math.max(0, nowMs - seenAtMs) / 1000);
}

/** Ends that a pod's status tells for the first time. */
export function countEndedContainers(before: PodStatus, now: PodStatus): void {
  countEnds('init_container', before.initContainerStatuses, now.initContainerStatuses);
  countEnds('container', before.containerStatuses, now.containerStatuses);
  countEnds('ephemeral_container', before.ephemeralContainerStatuses, now.ephemeralContainerStatuses);
}

function countEnds(
  container_type: string,
  before: readonly ContainerStatus[] = [],
  now: readonly ContainerStatus[] = [],
): void {
  for (const { name, state } of now) {
    if (!state.terminated || before.some(old => old.name === name && old.state.terminated)) continue;
    const { exitCode, reason = '' } = state.terminated;
    terminatedContainersTotal.inc({ container_type, exit_code: String(exitCode), reason });
  }
}
