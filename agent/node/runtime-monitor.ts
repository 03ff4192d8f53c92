// Asks the runtime how it is: every few seconds, soon after a failure, and at once when somebody has reason to.
import type { ImageService } from '../cri/image-service.ts';
import type { InFlightCall } from '../cri/in-flight.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { Wakeup } from '../lib/wakeup.ts';
import type { NodeImage, RuntimeHandler } from './build-status.ts';
import type { RuntimeCondition, RuntimeFacts } from './runtime-health.ts';

export interface RuntimeCalls {
  readonly runtime: Pick<RuntimeService, 'version' | 'status'>;
  readonly images: Pick<ImageService, 'listImages'>;
  inFlight(): readonly InFlightCall[];
}

const POLL_MS = 5_000; // the kubelet's updateRuntimeUp
const RETRY_MS = 250; // a runtime that restarts is back within the second; a refused connection costs nothing

export class RuntimeMonitor {
  readonly #calls: RuntimeCalls;
  readonly #onChange: () => void;
  readonly #clock: Clock;
  readonly #wakeup = new Wakeup();
  readonly #firstLook = Promise.withResolvers<void>();
  #conditions: readonly RuntimeCondition[] | undefined;
  #failure: RuntimeFacts['failure'];
  #version: string | undefined;
  #handlers: readonly RuntimeHandler[] = [];
  #supplementalGroupsPolicy: boolean | undefined;
  #images: readonly NodeImage[] | undefined;
  #areImagesStale = true;

  constructor(calls: RuntimeCalls, onChange: () => void, clock: Clock = systemClock) {
    this.#calls = calls;
    this.#onChange = onChange;
    this.#clock = clock;
  }

  /** Resolves when Status was answered or refused for the first time. */
  get firstLook(): Promise<void> {
    return this.#firstLook.promise;
  }

  /** Something happened that the next poll would only see later. */
  lookNow(): void {
    this.#wakeup.wake();
  }

  /** The list of images is read again at the next look. */
  imagesChanged(): void {
    this.#areImagesStale = true;
    this.#wakeup.wake();
  }

  facts(): RuntimeFacts {
    return { conditions: this.#conditions, failure: this.#failure, inFlight: this.#calls.inFlight() };
  }

  /** e.g. `containerd://1.6.20`. */
  get version(): string | undefined {
    return this.#version;
  }

  get handlers(): readonly RuntimeHandler[] {
    return this.#handlers;
  }

  get supplementalGroupsPolicy(): boolean | undefined {
    return this.#supplementalGroupsPolicy;
  }

  get images(): readonly NodeImage[] | undefined {
    return this.#images;
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      await this.#look(signal);
      this.#firstLook.resolve();
      if (signal.aborted) return;
      this.#onChange(); // also when nothing changed: time alone makes a hung call or a failure a problem
      await this.#wakeup.wait(this.#failure ? RETRY_MS : POLL_MS, { signal });
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const startedAtMs = this.#clock.nowMs();
    try {
      const { status, runtimeHandlers, features } = await this.#calls.runtime.status({ signal });
      // A runtime that comes back may be a newer one, with other images and handlers.
      if (this.#failure || this.#version === undefined) await this.#lookAtVersion(signal);
      if (this.#areImagesStale) await this.#lookAtImages(signal);
      this.#conditions = status?.conditions ?? [];
      this.#handlers = runtimeHandlers.map(handler => ({
        name: handler.name,
        recursiveReadOnlyMounts: handler.features?.recursiveReadOnlyMounts ?? false,
        userNamespaces: handler.features?.userNamespaces ?? false,
      }));
      this.#supplementalGroupsPolicy = features?.supplementalGroupsPolicy;
      this.#failure = undefined;
    } catch (error) {
      if (signal.aborted) return;
      // Since the call that got no answer, not since we knew.
      this.#failure = { sinceMs: this.#failure?.sinceMs ?? startedAtMs, cause: errorMessage(error) };
      this.#areImagesStale = true;
    }
  }

  async #lookAtVersion(signal: AbortSignal): Promise<void> {
    const { runtimeName, runtimeVersion } = await this.#calls.runtime.version({ signal });
    this.#version = `${runtimeName}://${runtimeVersion}`;
  }

  async #lookAtImages(signal: AbortSignal): Promise<void> {
    this.#areImagesStale = false;
    const images = await this.#calls.images.listImages({ signal });
    this.#images = images.map(({ repoDigests, repoTags, size }) => ({
      repoDigests,
      repoTags,
      sizeBytes: Number(size),
    }));
  }
}
