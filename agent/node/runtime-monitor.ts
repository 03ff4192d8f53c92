// Asks the runtime how it is: every few seconds, soon after a failure, and at once when somebody has reason to.
import type { ImageService } from '../cri/image-service.ts';
import type { InFlightCall } from '../cri/in-flight.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { OutageLog } from '../lib/outage-log.ts';
import { Wakeup } from '../lib/wakeup.ts';
import type { NodeImage, RuntimeHandler } from './build-status.ts';
import { RUNTIME_DOWN_AFTER_MS, type RuntimeCondition, type RuntimeFacts } from './runtime-health.ts';

export interface RuntimeCalls {
  readonly runtime: Pick<RuntimeService, 'version' | 'status' | 'listPodSandbox'>;
  readonly images: Pick<ImageService, 'listImages'>;
  inFlight(): readonly InFlightCall[];
}

const POLL_MS = 5_000; // the kubelet's updateRuntimeUp
// A runtime that restarts, or reads a new CNI configuration, is ready within the second; asking costs next to nothing.
const SOON_MS = 250;
// The runtime hears of a new CNI configuration when we do, and may be a moment later.
const LOOKS_AFTER_HINT = 4;

export class RuntimeMonitor {
  readonly #calls: RuntimeCalls;
  readonly #onChange: () => void;
  readonly #logger: Logger;
  readonly #outage: OutageLog;
  readonly #clock: Clock;
  readonly #wakeup = new Wakeup();
  readonly #firstLook = Promise.withResolvers<void>();
  #conditions: readonly RuntimeCondition[] | undefined;
  #failure: RuntimeFacts['failure'];
  #lostSinceMs: ReadonlyMap<string, number> = new Map();
  #version: string | undefined;
  #handlers: readonly RuntimeHandler[] = [];
  #supplementalGroupsPolicy: boolean | undefined;
  #images: readonly NodeImage[] | undefined;
  #areImagesStale = true;
  #looksSoon = 0;

  constructor(calls: RuntimeCalls, onChange: () => void, logger: Logger, clock: Clock = systemClock) {
    this.#calls = calls;
    this.#onChange = onChange;
    this.#logger = logger;
    this.#outage = new OutageLog(logger, 'container runtime status');
    this.#clock = clock;
  }

  /** Resolves when Status was answered, or has failed for so long that it counts. */
  get firstLook(): Promise<void> {
    return this.#firstLook.promise;
  }

  /** Something happened that the next poll would only see later. */
  lookNow(): void {
    this.#looksSoon = LOOKS_AFTER_HINT;
    this.#wakeup.wake();
  }

  /** The list of images is read again at the next look. */
  imagesChanged(): void {
    this.#areImagesStale = true;
    this.#wakeup.wake();
  }

  facts(): RuntimeFacts {
    return {
      conditions: this.#conditions,
      lostSinceMs: this.#lostSinceMs,
      failure: this.#failure,
      inFlight: this.#calls.inFlight(),
    };
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
      if (!this.#failure || this.#clock.nowMs() - this.#failure.sinceMs >= RUNTIME_DOWN_AFTER_MS) {
        this.#firstLook.resolve();
      }
      if (signal.aborted) return;
      this.#onChange(); // also when nothing changed: time alone makes a hung call or a failure a problem
      await this.#wakeup.wait(this.#nextLookMs(), { signal });
    }
  }

  #nextLookMs(): number {
    if (this.#looksSoon > 0) {
      this.#looksSoon -= 1;
      return SOON_MS;
    }
    const isUnsettled = this.#failure !== undefined || this.#conditions?.some(({ status }) => !status);
    return isUnsettled ? SOON_MS : POLL_MS;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const startedAtMs = this.#clock.nowMs();
    try {
      const { status, runtimeHandlers, features } = await this.#calls.runtime.status({ signal });
      // A runtime that comes back may be a newer one, with other images and handlers.
      if (this.#failure || this.#version === undefined) await this.#lookAtVersion(signal);
      this.#takeConditions(status?.conditions ?? []);
      this.#handlers = runtimeHandlers.map(handler => ({
        name: handler.name,
        recursiveReadOnlyMounts: handler.features?.recursiveReadOnlyMounts ?? false,
        userNamespaces: handler.features?.userNamespaces ?? false,
      }));
      this.#supplementalGroupsPolicy = features?.supplementalGroupsPolicy;
      this.#failure = undefined;
      this.#outage.succeeded();
      if (this.#areImagesStale) await this.#lookAtImages(signal);
    } catch (error) {
      if (signal.aborted) return;
      // Since the call that got no answer, not since we knew.
      this.#failure = { sinceMs: this.#failure?.sinceMs ?? startedAtMs, cause: errorMessage(error) };
      this.#areImagesStale = true;
      this.#outage.failed(error);
    }
  }

  #takeConditions(conditions: readonly RuntimeCondition[]): void {
    const wasTrue = (type: string): boolean =>
      this.#conditions?.some(before => before.type === type && before.status) ?? false;
    const lost = new Map<string, number>();
    for (const { type, status } of conditions) {
      const sinceMs = this.#lostSinceMs.get(type) ?? (wasTrue(type) ? this.#clock.nowMs() : undefined);
      if (!status && sinceMs !== undefined) lost.set(type, sinceMs);
    }
    this.#lostSinceMs = lost;
    this.#conditions = conditions;
  }

  async #lookAtVersion(signal: AbortSignal): Promise<void> {
    const { runtimeName, runtimeVersion } = await this.#calls.runtime.version({ signal });
    this.#version = `${runtimeName}://${runtimeVersion}`;
  }

  async #lookAtImages(signal: AbortSignal): Promise<void> {
    this.#areImagesStale = false;
    const images = await this.#calls.images.listImages({ signal }).catch((error: unknown) => {
      // The node is no less Ready for it; the list it had stays until the next look that works.
      this.#areImagesStale = !signal.aborted;
      this.#logger.debug({ err: error }, 'images cannot be listed');
      return undefined;
    });
    if (!images) return;
    this.#images = images.map(({ repoDigests, repoTags, size }) => ({
      repoDigests,
      repoTags,
      sizeBytes: Number(size),
    }));
  }
}
