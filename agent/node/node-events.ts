import type { EventRecorder } from '../api/events.ts';
import type { Node, NodeStatus, ObjectReference } from '../api/objects.ts';
import { isRebooted } from './build-status.ts';
import { findConditionEvents } from './conditions.ts';

/** The Events about the Node, with the kubelet's reasons and messages (kubelet: events/event.go). */
export class NodeEvents {
  readonly #recorder: EventRecorder;
  readonly #nodeName: string;
  #isUnschedulable = false;

  constructor(recorder: EventRecorder, nodeName: string) {
    this.#recorder = recorder;
    this.#nodeName = nodeName;
  }

  starting(cgroupVersion: 1 | 2): void {
    this.normal('Starting', 'Starting kubelet.');
    if (cgroupVersion === 1) {
      this.warning(
        'CgroupV1',
        'cgroup v1 detected: Kubernetes is about to drop it, please migrate to cgroup v2',
      );
    }
  }

  /** What a write of the status means, compared with what the Node said before. */
  written(before: Node | undefined, status: NodeStatus): void {
    const bootID = status.nodeInfo?.bootID ?? '';
    if (isRebooted(before, bootID)) {
      this.warning('Rebooted', `Node ${this.#nodeName} has been rebooted, boot id: ${bootID}`);
    }
    const present = before?.status?.conditions ?? [];
    for (const reason of findConditionEvents(present, status.conditions ?? [])) this.#statusIsNow(reason);
  }

  /** The Node as it is now; tells when somebody cordons or uncordons it. */
  looked(node: Node | undefined): void {
    const isUnschedulable = node?.spec?.unschedulable ?? false;
    if (node === undefined || isUnschedulable === this.#isUnschedulable) return;
    this.#isUnschedulable = isUnschedulable;
    this.#statusIsNow(isUnschedulable ? 'NodeNotSchedulable' : 'NodeSchedulable');
  }

  normal(reason: string, message: string): void {
    this.#recorder.event(this.#reference(), 'Normal', reason, message);
  }

  warning(reason: string, message: string): void {
    this.#recorder.event(this.#reference(), 'Warning', reason, message);
  }

  #statusIsNow(reason: string): void {
    this.normal(reason, `Node ${this.#nodeName} status is now: ${reason}`);
  }

  // The name in place of the UID, as kubelets long did: `kubectl describe node` looks for either, not for none.
  #reference(): ObjectReference {
    return { apiVersion: 'v1', kind: 'Node', name: this.#nodeName, uid: this.#nodeName };
  }
}
