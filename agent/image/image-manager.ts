// Brings a container's image: present, pulled (each image once at a time, different ones in parallel), or a waiting
// reason with the kubelet's texts and back-off (pkg/kubelet/images/image_manager.go).

import type { Image } from '../../cri-proto/runtime.v1.ts';
import type { Container, Pod } from '../api/objects.ts';
import type { Config } from '../config/config.ts';
import type { ImageService } from '../cri/image-service.ts';
import { settledOrAborted } from '../lib/abort.ts';
import { Backoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import { isDue } from '../lib/due.ts';
import { formatDuration } from '../lib/duration.ts';
import { DeniedError, errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { Semaphore } from '../lib/semaphore.ts';
import type { CredentialPlugins } from './credential-plugins.ts';
import { parseImageName, repositoryOf } from './image-name.ts';
import type { ImageOutcome } from './image-outcome.ts';
import { PullCredentials, type PullCredentialsDeps } from './pull-credentials.ts';
import { PullRecords } from './pull-records.ts';
import type { RegistryCredential } from './registry-credential.ts';

const PULL_BACKOFF = { initialMs: 10_000, maxMs: 300_000 } as const; // the kubelet's curve
const INSPECT_RETRY_MS = 5000;

/** Where the events of one container go. */
export type ContainerEvents = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

interface FailedPull {
  readonly backoff: Backoff;
  readonly retryAtMs: number;
  readonly reason: string;
  readonly message: string;
}

/** An image that a pod wants, and with what it may be pulled. */
interface PullRequest {
  readonly image: string;
  readonly reference: string;
  readonly credentials: readonly RegistryCredential[];
}

interface SharedPull {
  readonly done: Promise<void>;
  readonly abort: AbortController;
  waiters: number;
}

export interface ImageEdges {
  readonly images: ImageService;
  readonly secrets: PullCredentialsDeps['secrets'];
  readonly plugins: CredentialPlugins;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ImageManagerDeps {
  readonly images: ImageService;
  readonly credentials: PullCredentials;
  readonly records: PullRecords;
  readonly clock: Clock;
  readonly maxParallelPulls: number;
}

export class ImageManager {
  readonly #images: ImageService;
  readonly #credentials: PullCredentials;
  readonly #records: PullRecords;
  readonly #clock: Clock;
  readonly #pulls = new Map<string, SharedPull>();
  readonly #failures = new Map<string, FailedPull>();
  readonly #places: Semaphore;

  static create(
    { images, secrets, plugins, clock, logger }: ImageEdges,
    { rootDir, config }: { readonly rootDir: string; readonly config: Config['images'] },
  ): ImageManager {
    const { pullCredentialsVerificationPolicy: policy, preloadedVerificationAllowlist: allowlist } = config;
    const records = new PullRecords({ rootDir, policy, allowlist, clock, logger });
    const credentials = new PullCredentials({ secrets, plugins, rootDir, logger });
    return new ImageManager({
      images,
      credentials,
      records,
      clock,
      maxParallelPulls: config.maxParallelPulls,
    });
  }

  constructor(deps: ImageManagerDeps) {
    this.#images = deps.images;
    this.#credentials = deps.credentials;
    this.#records = deps.records;
    this.#clock = deps.clock;
    this.#places = new Semaphore(deps.maxParallelPulls);
  }

  /** Forgets the back-off of a pod that is gone. */
  release(podUID: string): void {
    for (const key of this.#failures.keys()) if (key.startsWith(`${podUID}_`)) this.#failures.delete(key);
  }

  async ensureImage(
    pod: Pod,
    container: Pick<Container, 'image' | 'imagePullPolicy'>,
    events: ContainerEvents,
    { signal }: { signal: AbortSignal },
  ): Promise<ImageOutcome> {
    const { image } = container;
    const name = parseImageName(image);
    if (name.kind === 'invalid') {
      const message = `Failed to apply default image tag "${image}": ${name.message}`;
      events('Warning', 'InspectFailed', message);
      return this.#failed('InvalidImageName', message);
    }
    const policy = container.imagePullPolicy ?? 'IfNotPresent';
    let present: Image | undefined;
    try {
      present = await this.#images.imageStatus({ image: name.reference }, { signal });
    } catch (error) {
      const message = `Failed to inspect image "${name.reference}": ${errorMessage(error)}`;
      if (!signal.aborted) events('Warning', 'InspectFailed', message);
      return this.#failed('ImageInspectError', message);
    }
    if (present && policy !== 'Always' && (await this.#mayUse(pod, image, present.id, signal))) {
      const text = `Container image "${image}" already present on machine and can be accessed by the pod`;
      return this.#present(present, text);
    }
    if (policy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      events('Warning', 'ErrImageNeverPull', message);
      return this.#failed('ErrImageNeverPull', message);
    }
    return await this.#pull(pod, image, name.reference, events, signal);
  }

  async #mayUse(pod: Pod, image: string, imageRef: string, signal: AbortSignal): Promise<boolean> {
    const findOwn = (): Promise<readonly RegistryCredential[]> =>
      this.#credentials.findOwn(pod, repositoryOf(image), { signal });
    return await this.#records.mayUse(image, imageRef, findOwn);
  }

  async #pull(
    pod: Pod,
    image: string,
    reference: string,
    events: ContainerEvents,
    signal: AbortSignal,
  ): Promise<ImageOutcome> {
    const key = `${pod.metadata.uid}_${image}`;
    const failed = this.#failures.get(key);
    const startedAtMs = this.#clock.nowMs();
    if (failed && !isDue(failed.retryAtMs, startedAtMs)) {
      const text = `Back-off pulling image "${image}"`;
      events('Normal', 'BackOff', text);
      const message = `${text}: ${failed.reason}: ${failed.message}`;
      return { kind: 'failed', reason: 'ImagePullBackOff', message, retryAtMs: failed.retryAtMs };
    }
    const { credentials, missingSecrets } = await this.#credentials.find(pod, repositoryOf(image), {
      signal,
    });
    if (missingSecrets.length > 0) {
      const text = `Unable to retrieve some image pull secrets (${missingSecrets.join(', ')}); attempting to pull the image may not succeed.`;
      events('Warning', 'FailedToRetrieveImagePullSecret', text);
    }
    events('Normal', 'Pulling', `Pulling image "${image}"`);
    try {
      const pullMs = await this.#pullOnce({ image, reference, credentials }, signal);
      const pulled = await this.#images.imageStatus({ image: reference }, { signal });
      if (!pulled) throw new Error(`image "${reference}" is gone right after its pull`);
      const waitMs = this.#clock.nowMs() - startedAtMs;
      events(
        'Normal',
        'Pulled',
        `Successfully pulled image "${image}" in ${formatDuration(pullMs)} ` +
          `(${formatDuration(waitMs)} including waiting). Image size: ${pulled.size} bytes.`,
      );
      this.#failures.delete(key);
      return this.#present(pulled, undefined);
    } catch (error) {
      if (signal.aborted) return this.#failed('ErrImagePull', errorMessage(error));
      events('Warning', 'Failed', `Failed to pull image "${image}": ${errorMessage(error)}`);
      return this.#notePullFailure(key, errorMessage(error));
    }
  }

  // Who asks first pulls for all who ask meanwhile with the same credentials; broken off when nobody waits any more.
  async #pullOnce(request: PullRequest, signal: AbortSignal): Promise<number> {
    const startedAtMs = this.#clock.nowMs();
    const key = sharedKey(request);
    const pull = this.#pulls.get(key) ?? this.#startPull(key, request);
    pull.waiters += 1;
    try {
      await settledOrAborted(pull.done, signal);
      signal.throwIfAborted();
      await pull.done;
    } finally {
      pull.waiters -= 1;
      if (pull.waiters === 0) this.#endPull(key, pull);
    }
    return this.#clock.nowMs() - startedAtMs;
  }

  // Out of the map at once: who comes now starts a pull of its own instead of joining one that is being broken off.
  #endPull(key: string, pull: SharedPull): void {
    if (this.#pulls.get(key) === pull) this.#pulls.delete(key);
    pull.abort.abort();
  }

  #startPull(key: string, request: PullRequest): SharedPull {
    const abort = new AbortController();
    const { signal } = abort;
    const done = this.#places
      .run(() => this.#pullRecorded(request, signal), { signal, priority: 0 })
      .finally(() => this.#pulls.get(key) === pull && this.#pulls.delete(key));
    done.catch(() => undefined); // the waiters see it; without any, nobody needs to
    const pull: SharedPull = { done, abort, waiters: 0 };
    this.#pulls.set(key, pull);
    return pull;
  }

  async #pullRecorded(request: PullRequest, signal: AbortSignal): Promise<void> {
    const { image } = request;
    await this.#records.notePulling(image);
    try {
      const { imageRef, credential } = await this.#pullWithAny(request, signal);
      await this.#records.notePulled(image, imageRef, credential);
    } catch (error) {
      await this.#records.noteFailed(image);
      throw error;
    }
  }

  /** One try per credential, or one without any. */
  async #pullWithAny(
    { reference, credentials }: PullRequest,
    signal: AbortSignal,
  ): Promise<{ readonly imageRef: string; readonly credential: RegistryCredential | undefined }> {
    const failures: string[] = [];
    for (const credential of credentials.length > 0 ? credentials : [undefined]) {
      const auth = credential && { username: credential.username, password: credential.password };
      try {
        const imageRef = await this.#images.pullImage({ image: reference }, { auth }, { signal });
        return { imageRef, credential };
      } catch (error) {
        if (credentials.length <= 1 || signal.aborted) throw error;
        failures.push(errorMessage(error));
      }
    }
    throw new DeniedError(`[${[...new Set(failures)].join(', ')}]`, { code: 'PullFailed' });
  }

  #notePullFailure(key: string, message: string): ImageOutcome {
    const backoff = this.#failures.get(key)?.backoff ?? new Backoff(PULL_BACKOFF);
    const reason = pullFailureReason(message);
    const nowMs = this.#clock.nowMs();
    this.#failures.set(key, { backoff, retryAtMs: nowMs + backoff.nextMs(), reason, message });
    // Looked at again soon, so that the reason turns into ImagePullBackOff with its own event, as users know it.
    return { kind: 'failed', reason, message, retryAtMs: nowMs + BACKOFF_SHOWN_AFTER_MS };
  }

  #present(image: Image, announcement: string | undefined): ImageOutcome {
    const uid = image.uid === null ? undefined : Number(image.uid.value);
    return { kind: 'present', imageRef: image.id, user: { uid, username: image.username }, announcement };
  }

  #failed(reason: string, message: string): ImageOutcome {
    return { kind: 'failed', reason, message, retryAtMs: this.#clock.nowMs() + INSPECT_RETRY_MS };
  }
}

const BACKOFF_SHOWN_AFTER_MS = 2000;

function pullFailureReason(message: string): string {
  if (message.startsWith('RegistryUnavailable')) return 'RegistryUnavailable';
  if (message.startsWith('SignatureValidationFailed')) return 'SignatureValidationFailed';
  return 'ErrImagePull';
}

// Pods with other credentials may not profit: the registry decides for each.
function sharedKey({ reference, credentials }: PullRequest): string {
  return JSON.stringify([reference, credentials.map(({ username, password }) => [username, password])]);
}
