// The node's heartbeat object `kube-node-lease/<node>` (kubelet: pkg/kubelet/util/nodelease.go).
import type { Lease } from '../api/objects.ts';

export interface LeaseInputs {
  readonly nodeName: string;
  /** Undefined while the Node is not known; the lease then keeps the owner it has. */
  readonly nodeUID: string | undefined;
  readonly durationSeconds: number;
  readonly nowMs: number;
}

/** The lease renewed now, on top of the one that is there. */
export function buildLease(present: Lease | undefined, inputs: LeaseInputs): Lease {
  const { nodeName, nodeUID, durationSeconds, nowMs } = inputs;
  const owner = nodeUID && { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUID };
  const ownerReferences = owner ? [owner] : (present?.metadata.ownerReferences ?? []);
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...(present?.metadata ?? { name: nodeName, namespace: 'kube-node-lease' }),
      ...(ownerReferences.length > 0 && { ownerReferences }),
    },
    spec: {
      ...present?.spec,
      holderIdentity: nodeName,
      leaseDurationSeconds: durationSeconds,
      renewTime: formatMicroTime(nowMs),
    },
  };
}

/** metav1.MicroTime: RFC 3339 with six digits. */
export function formatMicroTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('Z', '000Z');
}
