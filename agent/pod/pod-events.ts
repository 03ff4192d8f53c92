import type { EventRecorder } from '../api/events.ts';
import type { ObjectReference, Pod } from '../api/objects.ts';
import type { ContainerEvents } from '../image/image-manager.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { podNamespace, podUID } from './naming.ts';
import { roleOf } from './pod-containers.ts';
import type { RecentWarnings } from './recent-warnings.ts';

export interface PodEventsDeps {
  readonly recorder: EventRecorder;
  readonly warnings: RecentWarnings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Events about one pod and its containers, as `kubectl describe pod` shows them; warnings go to the log as well. */
export class PodEvents {
  readonly #deps: PodEventsDeps;

  constructor(deps: PodEventsDeps) {
    this.#deps = deps;
  }

  pod(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#tell(referenceOf(pod), type, reason, message);
  }

  container(pod: Pod, containerName: string): ContainerEvents {
    const reference = { ...referenceOf(pod), fieldPath: fieldPathOf(pod, containerName) };
    return (type, reason, message) => this.#tell(reference, type, reason, message);
  }

  #tell(reference: PodReference, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { recorder, warnings, clock, logger } = this.#deps;
    recorder.event(reference, type, reason, message);
    if (type !== 'Warning') return;
    const { uid, namespace, name, fieldPath } = reference;
    const isNews = warnings.add(uid, { reason, message, fieldPath }, clock.nowMs());
    // What repeats itself is heard once: the Event counts.
    const fields = { pod: `${namespace}/${name}`, podUID: uid, fieldPath, reason, message };
    if (isNews) logger.info(fields, 'warning about a pod');
  }
}

interface PodReference extends ObjectReference {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

function referenceOf(pod: Pod): PodReference {
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
