import type { ServiceNotifier } from '../host/notify.ts';
import type { TaskGroup } from '../lib/task-group.ts';
import type { NodeController } from '../node/node-controller.ts';
import { runStatusLine } from '../node/status-line.ts';
import type { Edges } from './edges.ts';
import type { Pods } from './pods.ts';

export function startNode(
  tasks: TaskGroup,
  { client, certificates, recorder, cgroupDriver }: Edges,
  node: NodeController,
  notifier: ServiceNotifier,
  { workers }: Pods,
): void {
  const statusLine = () => ({ problems: node.problems, podCount: workers.desiredPods().length });
  tasks.run(signal => recorder.run(signal));
  tasks.run(signal => node.run({ signal }));
  const addresses = () => node.view.current()?.status?.addresses ?? [];
  node.view.onChange(() => certificates.addressesChanged());
  tasks.run(signal => certificates.run(client, addresses, { signal }));
  tasks.run(signal => cgroupDriver.run({ signal }));
  tasks.run(signal => notifier.runWatchdog({ signal }));
  tasks.run(signal => runStatusLine(notifier, statusLine, { signal }));
}
