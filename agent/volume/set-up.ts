// One volume of a pod: what it needs from the API server, then the set-up of its kind.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod, Volume } from '../api/objects.ts';
import type { Clock } from '../lib/clock.ts';
import { buildContent, type ContentInputs } from './build-content.ts';
import type { Allocatable } from './build-downward-api.ts';
import { buildHugePageSize } from './build-huge-page-size.ts';
import { buildTmpfsSize } from './build-tmpfs-size.ts';
import { type ContentVolumeRequest, ensureContentVolume, hasPublishedContent } from './content-volume.ts';
import { ensureEmptyDir } from './empty-dir.ts';
import { ensureHostPath } from './host-path.ts';
import { ensureNfsVolume } from './nfs-volume.ts';
import type { ObjectStore } from './object-store.ts';
import { digestOf, joinProblems, type Payload } from './payload.ts';
import type { ClaimReference, PersistentVolumes } from './persistent-volumes.ts';
import type { PodCertificate, PodCertificateStore } from './pod-certificate-store.ts';
import { type DirectoryKind, metadataDirectory, volumeDirectory } from './pod-directories.ts';
import { certificatesOf, hasTrustBundles, nestedMountPoints, objectsOf, tokensOf } from './pod-references.ts';
import type { VolumeOutcome } from './prepared-volume.ts';
import type { TokenRequest, TokenStore } from './token-store.ts';
import type { TrustBundleStore } from './trust-bundle-store.ts';
import {
  type ContentVolume,
  type EmptyDirSource,
  type HostPathSource,
  type NfsSource,
  type PodCertificateSource,
  parseVolumeSource,
  type ServiceAccountTokenSource,
  unservedProblem,
} from './volume-source.ts';

/** What volumes need to know about the node. */
export interface NodeFacts {
  /** Node allocatable as it stands now; empty before it is known. */
  allocatable(): Allocatable;
  /** Of the Node; undefined before it is known. */
  labels(): Readonly<Record<string, string>> | undefined;
  /** Of the Node; undefined before it is known. */
  uid(): string | undefined;
}

export type UpdateOutcome =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'updated'; readonly digest: string }
  | { readonly kind: 'failed'; readonly problem: string };

// A pod's first set-up cannot go on without its inputs: an API server that is merely slow is no failure yet.
const FIRST_WAIT_MS = 3000;
// With content of an earlier set-up on disk there is no need to wait long: fresh content follows when it comes.
const REPEATED_WAIT_MS = 500;
const DEFAULT_TOKEN_SECONDS = 3600; // core/v1 default of expirationSeconds

export interface SetUpDeps {
  readonly rootDir: string;
  readonly clock: Clock;
  readonly node: NodeFacts;
  readonly objects: ObjectStore;
  readonly tokens: TokenStore;
  readonly trustBundles: TrustBundleStore;
  readonly certificates: PodCertificateStore;
  readonly persistent: PersistentVolumes;
}

export class VolumeSetUp {
  readonly #deps: SetUpDeps;

  constructor(deps: SetUpDeps) {
    this.#deps = deps;
  }

  /** Sets one volume up; idempotent. */
  async ensureVolume(pod: Pod, volume: Volume, { signal }: { signal: AbortSignal }): Promise<VolumeOutcome> {
    const parsed = parseVolumeSource(volume);
    switch (parsed.kind) {
      case 'emptyDir':
        return await this.#ensureEmptyDir(pod, volume.name, parsed.source);
      case 'hostPath':
        return await ensureHostPathVolume(volume.name, parsed.source);
      case 'persistentVolumeClaim':
        return await this.#ensureClaim(pod, volume, { ...parsed.source, isEphemeral: false }, signal);
      case 'ephemeral': {
        const claimName = `${pod.metadata.name}-${volume.name}`;
        return await this.#ensureClaim(pod, volume, { claimName, isEphemeral: true }, signal);
      }
      case 'nfs':
        return await this.#ensureNfs(pod, volume.name, parsed.source, signal);
      case 'image': {
        const { reference = '', pullPolicy } = parsed.source; // pulled when a container that mounts it starts
        return { kind: 'ready', volume: { kind: 'image', reference, pullPolicy, imageRef: undefined } };
      }
      case 'unsupported':
        return {
          kind: 'failed',
          problem: unservedProblem(parsed.field, volume[parsed.field], { isBlock: false }),
        };
      default:
        return await this.#ensureContent(pod, volume.name, parsed, signal);
    }
  }

  /** Brings a volume's files in line with what it is made of; `digest` is that of the content written last. */
  async updateVolume(pod: Pod, volume: Volume, digest: string | undefined): Promise<UpdateOutcome> {
    const parsed = parseVolumeSource(volume);
    if (!isContentVolume(parsed)) return { kind: 'unchanged' };
    const outcome = buildContent(parsed, pod, this.#inputs(pod, volume.name));
    if (outcome.kind === 'failed') return { kind: 'failed', problem: joinProblems(outcome.problems) };
    const newDigest = digestOf(outcome.payload);
    if (newDigest === digest) return { kind: 'unchanged' };
    await this.#write(pod, volume.name, parsed.kind, outcome.payload);
    return { kind: 'updated', digest: newDigest };
  }

  /** Whether what the volume is made of has changed since it failed with this problem. */
  isWorthARetry(pod: Pod, volume: Volume, problem: string): boolean {
    const parsed = parseVolumeSource(volume);
    if (!isContentVolume(parsed)) return false;
    const outcome = buildContent(parsed, pod, this.#inputs(pod, volume.name));
    return outcome.kind === 'built' || joinProblems(outcome.problems) !== problem;
  }

  async #ensureEmptyDir(pod: Pod, name: string, source: EmptyDirSource): Promise<VolumeOutcome> {
    const directory = this.#directory(pod, 'emptyDir', name);
    const { medium = '' } = source;
    const pages = medium.startsWith('HugePages') ? buildHugePageSize(pod.spec, medium) : undefined;
    if (pages?.kind === 'failed') return pages;
    const outcome = await ensureEmptyDir({
      directory,
      metadataDirectory: metadataDirectory(this.#deps.rootDir, pod.metadata.uid ?? '', 'emptyDir', name),
      source,
      sizeBytes: buildTmpfsSize(pod.spec, this.#deps.node.allocatable(), source.sizeLimit),
      pageBytes: pages?.pageBytes,
      fsGroup: pod.spec.securityContext?.fsGroup,
    });
    if (outcome.kind === 'failed') return outcome;
    const prepared = {
      kind: 'mount' as const,
      directoryName: name,
      hostPath: directory,
      isReadOnly: false,
      needsSELinuxRelabel: true,
    };
    return { kind: 'ready', volume: prepared };
  }

  #ensureClaim(
    pod: Pod,
    volume: Volume,
    reference: ClaimReference,
    signal: AbortSignal,
  ): Promise<VolumeOutcome> {
    return this.#deps.persistent.ensureVolume(pod, volume, reference, { signal });
  }

  #ensureNfs(pod: Pod, name: string, nfs: NfsSource, signal: AbortSignal): Promise<VolumeOutcome> {
    const { rootDir } = this.#deps;
    const isReadOnly = nfs.readOnly ?? false;
    const request = {
      rootDir,
      podUID: pod.metadata.uid ?? '',
      directoryName: name,
      nfs,
      isReadOnly,
      options: [],
    };
    return ensureNfsVolume(request, { signal });
  }

  async #ensureContent(
    pod: Pod,
    name: string,
    volume: ContentVolume,
    signal: AbortSignal,
  ): Promise<VolumeOutcome> {
    const directory = this.#directory(pod, volume.kind, name);
    const prepared = {
      kind: 'mount' as const,
      directoryName: name,
      hostPath: directory,
      isReadOnly: true,
      needsSELinuxRelabel: true,
    };
    const wasPublished = await hasPublishedContent(directory);
    const waitMs = wasPublished ? REPEATED_WAIT_MS : FIRST_WAIT_MS;
    await this.#waitForInputs(pod, name, volume, AbortSignal.any([signal, AbortSignal.timeout(waitMs)]));
    signal.throwIfAborted();
    // No await between this look and a failed outcome: a change that comes later finds the pod waiting.
    const outcome = buildContent(volume, pod, this.#inputs(pod, name));
    if (outcome.kind === 'built') {
      await this.#write(pod, name, volume.kind, outcome.payload);
      return { kind: 'ready', volume: prepared, digest: digestOf(outcome.payload) };
    }
    // Set up before, by this process or an earlier one: the pod goes on with the last content, so that its containers
    // restart while the API server is away.
    if (wasPublished) return { kind: 'ready', volume: prepared };
    return { kind: 'failed', problem: joinProblems(outcome.problems) };
  }

  async #waitForInputs(pod: Pod, name: string, volume: ContentVolume, signal: AbortSignal): Promise<void> {
    const { objects, tokens, trustBundles, certificates } = this.#deps;
    const directory = this.#directory(pod, volume.kind, name);
    const waits = objectsOf(volume).map(({ kind, name }) =>
      objects.waitKnown(kind, pod.metadata.namespace ?? '', name, { signal }),
    );
    for (const source of tokensOf(volume)) {
      const request = tokenRequest(pod, source);
      if (!tokens.has(request)) tokens.acquire(request, await readPublished(directory, source.path));
      waits.push(tokens.waitSettled(request, { signal }));
    }
    if (hasTrustBundles(volume)) {
      trustBundles.acquire(pod.metadata.uid ?? '');
      waits.push(trustBundles.waitKnown({ signal }));
    }
    for (const source of certificatesOf(volume)) {
      const wanted = podCertificate(pod, name, source);
      certificates.acquire(wanted);
      waits.push(certificates.waitSettled(wanted, { signal }));
    }
    await Promise.all(waits);
  }

  #inputs(pod: Pod, volumeName: string): ContentInputs {
    const { objects, tokens, trustBundles, certificates, node } = this.#deps;
    return {
      object: (kind, name) => objects.get(kind, pod.metadata.namespace ?? '', name),
      token: source => tokens.get(tokenRequest(pod, source)),
      trustBundles: () => trustBundles.get(),
      certificate: source => certificates.get(podCertificate(pod, volumeName, source)),
      allocatable: node.allocatable(),
    };
  }

  #write(
    pod: Pod,
    name: string,
    kind: ContentVolume['kind'],
    payload: Payload,
  ): Promise<'written' | 'unchanged'> {
    const request: ContentVolumeRequest = {
      directory: this.#directory(pod, kind, name),
      payload,
      isInMemory: kind !== 'configMap',
      sizeBytes: buildTmpfsSize(pod.spec, this.#deps.node.allocatable(), undefined),
      nestedMountPoints: nestedMountPoints(name, pod.spec),
      fsGroup: pod.spec.securityContext?.fsGroup,
      nowMs: this.#deps.clock.nowMs(),
    };
    return ensureContentVolume(request);
  }

  #directory(pod: Pod, kind: DirectoryKind, name: string): string {
    return volumeDirectory(this.#deps.rootDir, pod.metadata.uid ?? '', kind, name);
  }
}

function isContentVolume(parsed: ReturnType<typeof parseVolumeSource>): parsed is ContentVolume {
  return ['configMap', 'secret', 'downwardAPI', 'projected'].includes(parsed.kind);
}

async function ensureHostPathVolume(name: string, source: HostPathSource): Promise<VolumeOutcome> {
  const outcome = await ensureHostPath(source);
  if (outcome.kind === 'failed') return outcome;
  const prepared = {
    kind: 'mount',
    directoryName: name,
    isReadOnly: false,
    needsSELinuxRelabel: false,
  } as const;
  return { kind: 'ready', volume: { ...prepared, hostPath: source.path } };
}

function tokenRequest(pod: Pod, source: ServiceAccountTokenSource): TokenRequest {
  return {
    podUID: pod.metadata.uid ?? '',
    podName: pod.metadata.name,
    namespace: pod.metadata.namespace ?? '',
    serviceAccountName: pod.spec.serviceAccountName ?? 'default',
    audience: source.audience ?? '',
    expirationSeconds: source.expirationSeconds ?? DEFAULT_TOKEN_SECONDS,
  };
}

function podCertificate(pod: Pod, volumeName: string, source: PodCertificateSource): PodCertificate {
  return {
    podUID: pod.metadata.uid ?? '',
    podName: pod.metadata.name,
    namespace: pod.metadata.namespace ?? '',
    serviceAccountName: pod.spec.serviceAccountName ?? 'default',
    nodeName: pod.spec.nodeName ?? '',
    volumeName,
    source,
  };
}

async function readPublished(directory: string, path: string): Promise<string | undefined> {
  // Missing at a pod's first start; unreadable in whatever way means a new one is fetched.
  return await readFile(join(directory, '..data', path), 'utf8').catch(() => undefined);
}
