// How many pods and containers there are, in the kubelet's classes (pkg/kubelet/metrics/metrics.go).
import type { Pod } from '../../api/objects.ts';
import type { ObservedPod } from '../../runtime/observed-pod.ts';
import { formatLabels, formatSample, type MetricFamily } from './metric-text.ts';

export interface PodCountsInput {
  readonly nodeName: string;
  readonly cgroupVersion: 1 | 2;
  readonly desiredPods: readonly Pod[];
  readonly observedPods: readonly ObservedPod[];
}

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
const SOURCE_ANNOTATION = 'kubernetes.io/config.source';
const STATES = { running: 'running', exited: 'exited', created: 'created', unknown: 'unknown' } as const;

export function buildPodCounts(input: PodCountsInput): readonly MetricFamily[] {
  const { nodeName, cgroupVersion, desiredPods, observedPods } = input;
  const active = desiredPods.filter(({ status }) => !['Succeeded', 'Failed'].includes(status?.phase ?? ''));
  const running = observedPods.filter(({ sandboxes }) => sandboxes.some(({ isReady }) => isReady));
  const containers = observedPods.flatMap(pod => pod.containers);
  return [
    gauge('kubelet_node_name', "The node's name. The count is always 1.", [[{ node: nodeName }, 1]]),
    gauge('kubelet_running_pods', 'Number of pods that have a running pod sandbox', [[{}, running.length]]),
    gauge(
      'kubelet_running_containers',
      'Number of containers by state',
      Object.values(STATES).map(state => [
        { container_state: state },
        containers.filter(container => container.state === state).length,
      ]),
    ),
    gauge('kubelet_desired_pods', 'The number of pods the node is asked to run.', byStatic(desiredPods)),
    gauge('kubelet_active_pods', 'The number of pods that run or are to run.', byStatic(active)),
    gauge('kubelet_mirror_pods', 'The number of mirror pods.', [
      [{}, desiredPods.filter(({ metadata }) => metadata.annotations?.[MIRROR_ANNOTATION]).length],
    ]),
    gauge('kubelet_cgroup_version', 'cgroup version on the hosts.', [[{}, cgroupVersion]]),
  ];
}

function byStatic(pods: readonly Pod[]): readonly (readonly [Record<string, string>, number])[] {
  const isStatic = ({ metadata }: Pod): boolean =>
    ['file', 'http'].includes(metadata.annotations?.[SOURCE_ANNOTATION] ?? '');
  const count = pods.filter(isStatic).length;
  return [
    [{ static: '' }, pods.length - count],
    [{ static: 'true' }, count],
  ];
}

function gauge(
  name: string,
  help: string,
  values: readonly (readonly [Record<string, string>, number])[],
): MetricFamily {
  const samples = values.map(([labels, value]) => formatSample(name, formatLabels(labels), value));
  return { name, type: 'gauge', help: `[ALPHA] ${help}`, samples };
}
