// PersistentVolumeClaims of pods: read anew each time, judged, and set up by the kind of volume they are bound to.
import type { ApiClient, RequestOptions } from '../api/client.ts';
import type { Pod, Volume } from '../api/objects.ts';
import { persistentVolumeClaimPath, persistentVolumePath } from '../api/paths.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../api/storage-objects.ts';
import { Backoff } from '../lib/backoff.ts';
import { DeniedError, errorMessage } from '../lib/errors.ts';
import { Semaphore } from '../lib/semaphore.ts';
import { sleep } from '../lib/sleep.ts';
import { matchesNodeSelectorTerms } from '../resources/node-affinity.ts';
import {
  bindingProblem,
  claimProblem,
  groupIdOf,
  isForOnePod,
  modeProblem,
  mountOptionsOf,
  ownershipProblem,
  sourceFieldOf,
} from './claim.ts';
import { ensureHostPath } from './host-path.ts';
import { ensureLocalDevice, ensureLocalVolume, unmountUnusedDevices } from './local-volume.ts';
import { ensureNfsVolume } from './nfs-volume.ts';
import type { GroupPolicy } from './ownership.ts';
import type { FailedVolume, VolumeOutcome, VolumeStage } from './prepared-volume.ts';
import { unservedProblem } from './volume-source.ts';

export interface ClaimReference {
  readonly claimName: string;
  readonly readOnly?: boolean;
  /** Of a generic ephemeral volume: the claim must be the pod's own. */
  readonly isEphemeral: boolean;
}

export interface PersistentVolumesDeps {
  readonly client: ApiClient;
  readonly rootDir: string;
  /** Of the Node; undefined before it is known. */
  readonly nodeLabels: () => Readonly<Record<string, string>> | undefined;
}

/** A volume that a claim led to. */
export interface BoundVolume {
  readonly volume: PersistentVolume;
  readonly podUID: string;
  readonly rootDir: string;
  readonly isReadOnly: boolean;
  readonly group: GroupPolicy | undefined;
}

type Read<T> =
  | { readonly kind: 'read'; readonly object: T }
  | { readonly kind: 'failed'; readonly problem: string };

interface Bound {
  readonly kind: 'bound';
  readonly volume: PersistentVolume;
}

const REQUEST_TIMEOUT_MS = 10_000;
// A pod seen a moment before the API server's authoriser sees it: its claim is refused once or twice.
const DENIED_RETRY = { initialMs: 50, maxMs: 500, jitter: 0.3 };
const DENIED_TRIES = 5; // about a second

export class PersistentVolumes {
  readonly #deps: PersistentVolumesDeps;
  /** Pods by the name of the volume they have: what ReadWriteOncePod is about. */
  readonly #users = new Map<string, Set<string>>();
  /** One at a time: between the mount of a device and its bind mount for a pod, nobody may find it unused. */
  readonly #locals = new Semaphore(1);

  constructor(deps: PersistentVolumesDeps) {
    this.#deps = deps;
  }

  async ensureVolume(
    pod: Pod,
    volume: Volume,
    reference: ClaimReference,
    { signal }: { signal: AbortSignal },
  ): Promise<VolumeOutcome> {
    const found = await this.#findVolume(pod, reference, signal);
    if (found.kind === 'failed') return found;
    const bound: BoundVolume = {
      volume: found.volume,
      podUID: pod.metadata.uid ?? '',
      rootDir: this.#deps.rootDir,
      isReadOnly: reference.readOnly ?? false,
      group: groupOf(pod),
    };
    const refused = modeProblem(pod, volume, bound.volume);
    if (refused !== undefined) return failed('claim', refused);
    const failure = this.#affinityFailure(bound.volume) ?? this.#take(bound);
    return failure ?? withGroup(await this.#setUp(bound, signal), groupIdOf(bound.volume));
  }

  /** The pod's volumes are torn down: others may have what was its alone, and devices without a pod are let go. */
  async release(podUID: string, { signal }: { signal: AbortSignal }): Promise<void> {
    for (const [name, podUIDs] of this.#users) {
      if (podUIDs.delete(podUID) && podUIDs.size === 0) this.#users.delete(name);
    }
    await this.#locals.run(() => unmountUnusedDevices(this.#deps.rootDir), { signal, priority: 0 });
  }

  async #findVolume(
    pod: Pod,
    { claimName, isEphemeral }: ClaimReference,
    signal: AbortSignal,
  ): Promise<Bound | FailedVolume> {
    const namespace = pod.metadata.namespace ?? '';
    const refuse = (problem: string): FailedVolume =>
      failed('claim', `error processing PVC ${namespace}/${claimName}: ${problem}`);
    const claimPath = persistentVolumeClaimPath(namespace, claimName);
    const claim = await this.#read(
      (client, options) => client.get<PersistentVolumeClaim>(claimPath, options),
      signal,
    );
    if (claim.kind === 'failed') return refuse(`failed to fetch PVC from API server: ${claim.problem}`);
    const unusable = claimProblem(claim.object);
    if (unusable !== undefined) return refuse(unusable);
    const foreign = isEphemeral ? ownershipProblem(pod, claim.object) : undefined;
    if (foreign !== undefined) return failed('claim', foreign);
    const volumeName = claim.object.spec.volumeName ?? '';
    const volumePath = persistentVolumePath(volumeName);
    const volume = await this.#read(
      (client, options) => client.get<PersistentVolume>(volumePath, options),
      signal,
    );
    if (volume.kind === 'failed') {
      return refuse(`failed to fetch PV ${volumeName} from API server: ${volume.problem}`);
    }
    const unbound = bindingProblem(volume.object, claim.object);
    return unbound === undefined ? { kind: 'bound', volume: volume.object } : refuse(unbound);
  }

  async #read<T>(
    get: (client: ApiClient, options: RequestOptions) => Promise<T>,
    signal: AbortSignal,
  ): Promise<Read<T>> {
    const backoff = new Backoff(DENIED_RETRY);
    while (true) {
      try {
        return {
          kind: 'read',
          object: await get(this.#deps.client, { signal, timeoutMs: REQUEST_TIMEOUT_MS }),
        };
      } catch (error) {
        signal.throwIfAborted();
        const isEarly = error instanceof DeniedError && backoff.failures < DENIED_TRIES;
        if (!isEarly) return { kind: 'failed', problem: errorMessage(error) };
      }
      await sleep(backoff.nextMs(), { signal });
    }
  }

  #affinityFailure({ metadata, spec }: PersistentVolume): FailedVolume | undefined {
    const terms = spec.nodeAffinity?.required?.nodeSelectorTerms;
    const labels = this.#deps.nodeLabels();
    if (!terms || !labels || matchesNodeSelectorTerms(terms, labels)) return undefined;
    return failed('MountVolume.NodeAffinity check', 'no matching NodeSelectorTerms', metadata.name);
  }

  #take({ volume, podUID }: BoundVolume): FailedVolume | undefined {
    const { name } = volume.metadata;
    const users = this.#users.get(name) ?? new Set();
    const hasOther = [...users].some(user => user !== podUID);
    if (isForOnePod(volume) && hasOther) {
      return failed(
        'claim',
        'volume uses the ReadWriteOncePod access mode and is already in use by another pod',
      );
    }
    this.#users.set(name, users.add(podUID));
    return undefined;
  }

  async #setUp(bound: BoundVolume, signal: AbortSignal): Promise<VolumeOutcome> {
    const { volume, isReadOnly } = bound;
    const { name } = volume.metadata;
    const { hostPath, local, nfs, volumeMode } = volume.spec;
    const options = mountOptionsOf(volume);
    if (local) {
      return volumeMode === 'Block'
        ? await ensureLocalDevice(bound, local)
        : await this.#locals.run(() => ensureLocalVolume(bound, local, options, { signal }), {
            signal,
            priority: 0,
          });
    }
    if (nfs && volumeMode !== 'Block') {
      const request = { ...bound, directoryName: name, nfs, options };
      return await ensureNfsVolume(request, { signal });
    }
    if (!hostPath || volumeMode === 'Block') return unserved(volume);
    if (options.length > 0) {
      const problem = 'mount options are not supported for this volume type';
      return failed('MountVolume.MountOptionSupport check', problem, name);
    }
    const outcome = await ensureHostPath(hostPath);
    if (outcome.kind === 'failed') return { ...outcome, specName: name };
    const prepared = { kind: 'mount', directoryName: name, needsSELinuxRelabel: false } as const;
    return { kind: 'ready', volume: { ...prepared, hostPath: hostPath.path, isReadOnly } };
  }
}

function withGroup(outcome: VolumeOutcome, groupId: number | undefined): VolumeOutcome {
  if (outcome.kind === 'failed' || groupId === undefined || outcome.volume.kind === 'image') return outcome;
  return { ...outcome, volume: { ...outcome.volume, groupId } };
}

function unserved({ metadata, spec }: PersistentVolume): FailedVolume {
  const field = sourceFieldOf({ metadata, spec });
  const problem = unservedProblem(field, spec[field], { isBlock: spec.volumeMode === 'Block' });
  return { kind: 'failed', problem, specName: metadata.name };
}

function failed(stage: VolumeStage, problem: string, specName?: string): FailedVolume {
  return { kind: 'failed', stage, problem, ...(specName !== undefined && { specName }) };
}

function groupOf({ spec }: Pod): GroupPolicy | undefined {
  const { fsGroup, fsGroupChangePolicy } = spec.securityContext ?? {};
  if (fsGroup === undefined) return undefined;
  return { fsGroup, isOnRootMismatchOnly: fsGroupChangePolicy === 'OnRootMismatch' };
}
