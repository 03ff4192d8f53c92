// The kubelet's figures about calls to the runtime (pkg/kubelet/metrics: kubelet_runtime_operations_*).
import { Counter, exponentialBuckets, Histogram } from 'prom-client';
import { metricsRegistry } from '../lib/metrics.ts';

const labelNames = ['operation_type'] as const;

const operationsTotal = new Counter({
  name: 'kubelet_runtime_operations_total',
  help: '[ALPHA] Cumulative number of runtime operations by operation type.',
  labelNames,
  registers: [metricsRegistry],
});
const errorsTotal = new Counter({
  name: 'kubelet_runtime_operations_errors_total',
  help: '[ALPHA] Cumulative number of runtime operation errors by operation type.',
  labelNames,
  registers: [metricsRegistry],
});
const durationSeconds = new Histogram({
  name: 'kubelet_runtime_operations_duration_seconds',
  help: '[ALPHA] Duration in seconds of runtime operations. Broken down by operation type.',
  labelNames,
  buckets: exponentialBuckets(0.005, 2.5, 14),
  registers: [metricsRegistry],
});

// Where the kubelet's name is not the method's own in snake case.
const NAMES: Readonly<Record<string, string>> = {
  RunPodSandbox: 'run_podsandbox',
  StopPodSandbox: 'stop_podsandbox',
  RemovePodSandbox: 'remove_podsandbox',
  PodSandboxStatus: 'podsandbox_status',
  ListPodSandbox: 'list_podsandbox',
  UpdatePodSandboxResources: 'update_podsandbox_resources',
  UpdateContainerResources: 'update_container',
  PodSandboxStats: 'podsandbox_stats',
  ListPodSandboxStats: 'list_podsandbox_stats',
  ListPodSandboxMetrics: 'list_podsandbox_metrics',
};

/** A call that its caller gave up is no error of the runtime's. */
export function countOperation(method: string, durationMs: number, hasFailed: boolean): void {
  const operation_type = operationType(method);
  operationsTotal.inc({ operation_type });
  durationSeconds.observe({ operation_type }, durationMs / 1000);
  if (hasFailed) errorsTotal.inc({ operation_type });
}

export function operationType(method: string): string {
  return (
    NAMES[method] ?? method.replaceAll(/(?<!^)([A-Z])/g, (_, letter: string) => `_${letter}`).toLowerCase()
  );
}
