import type { EventRecorder } from '../api/events.ts';
import type { ObjectReference, Pod } from '../api/objects.ts';
import type { ContainerEvents } from '../image/image-manager.ts';
import { podNamespace, podUID } from './naming.ts';
import { roleOf } from './pod-containers.ts';

/** Events about one pod and its containers, as `kubectl describe pod` shows them. */
export class PodEvents {
  readonly #recorder: EventRecorder;

  constructor(recorder: EventRecorder) {
    this.#recorder = recorder;
  }

  pod(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#recorder.event(referenceOf(pod), type, reason, message);
  }

  container(pod: Pod, containerName: string): ContainerEvents {
    const reference = { ...referenceOf(pod), fieldPath: fieldPathOf(pod, containerName) };
    return (type, reason, message) => this.#recorder.event(reference, type, reason, message);
  }
}

function referenceOf(pod: Pod): ObjectReference {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    namespace: podNamespace(pod),
    name: pod.metadata.name,
    uid: podUID(pod),
  };
}

function fieldPathOf(pod: Pod, containerName: string): string {
  switch (roleOf(pod.spec, containerName)) {
    case 'init':
    case 'sidecar':
      return `spec.initContainers{${containerName}}`;
    case 'ephemeral':
      return `spec.ephemeralContainers{${containerName}}`;
    default:
      return `spec.containers{${containerName}}`;
  }
}
