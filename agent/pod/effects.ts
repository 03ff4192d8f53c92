import type { Pod } from '../api/objects.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import type { PodCgroups } from '../host/pod-cgroups.ts';
import type { ImageManager } from '../image/image-manager.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Semaphore } from '../lib/semaphore.ts';
import type { ObservedPod } from '../runtime/observed-pod.ts';
import type { VolumeManager } from '../volume/volume-manager.ts';
import type { PodMemory } from './memory.ts';
import type { PodContextSource } from './pod-context-source.ts';
import type { PodEvents } from './pod-events.ts';
import type { RuntimeClasses } from './runtime-classes.ts';
import type { ServiceVariables } from './service-variables.ts';

/** Everything through which a pod worker changes the world. */
export interface PodEffects {
  readonly runtime: RuntimeService;
  readonly images: ImageManager;
  readonly volumes: VolumeManager;
  readonly cgroups: PodCgroups;
  readonly contexts: PodContextSource;
  readonly events: PodEvents;
  readonly services: ServiceVariables;
  readonly runtimeClasses: RuntimeClasses;
  /** Bounds how many sandboxes are made at once: a burst finishes pods instead of interleaving them. */
  readonly sandboxPlaces: Semaphore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The two ways an action can be broken off. */
export interface ActionSignals {
  /** The agent stops; containers keep running. */
  readonly shutdown: AbortSignal;
  /** The pod's fate changed (it is to terminate, or faster): waiting makes no sense any more. Includes shutdown. */
  readonly interrupt: AbortSignal;
}

/** What an action works on; `pod` is undefined for one that only the runtime knows. */
export interface ActionTarget {
  readonly pod: Pod | undefined;
  readonly observed: ObservedPod;
  readonly memory: PodMemory;
  /** Resolves when the stops with a lower order of the same plan are over. */
  readonly turn: Promise<unknown>;
}
