// What pods keep on disk. All of it takes a walk or a question to the runtime, so all of it may be a little old.
import type { Pod, Volume } from '../../api/objects.ts';
import type { ImageService } from '../../cri/image-service.ts';
import type { RuntimeService } from '../../cri/runtime-service.ts';
import {
  type DirectoryUsage,
  type FilesystemUsage,
  isMountPoint,
  readDirectoryUsage,
  readFilesystem,
} from '../../host/disk-usage.ts';
import { podLogDirectory } from '../../pod/naming.ts';
import { SlowValues } from '../../resources/slow-values.ts';
import { lastingVolumeDirectory, PLUGIN_DIRECTORY } from '../../volume/pod-directories.ts';
import type { PreparedVolume } from '../../volume/prepared-volume.ts';
import type { ClaimUsage } from './build-volume-metrics.ts';
import type { SharedFilesystem, VolumeStats } from './node-stats.ts';

const RUNTIME_AGE_MS = 10_000; // containerd itself looks as often (stats_collect_period)
const LOGS_AGE_MS = 10_000;
const WALKS_AT_A_TIME = 2; // of the thread pool's four, so that others get on

/** What the runtime knows, and nobody else can cheaply: the image store and the containers' writable layers. */
export interface RuntimeStorage {
  readonly imageFs: SharedFilesystem | undefined;
  /** By container ID. */
  readonly writableLayers: ReadonlyMap<string, DirectoryUsage>;
}

export interface StorageSettings {
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly volumeStatsAggPeriodMs: number;
}

export interface StorageDeps {
  readonly runtime: Pick<RuntimeService, 'listContainerStats'>;
  readonly images: Pick<ImageService, 'imageFsInfo'>;
  /** By the pod's names for them; undefined before they are set up. */
  readonly volumesOf: (podUID: string) => ReadonlyMap<string, PreparedVolume> | undefined;
  readonly settings: StorageSettings;
  readonly signal: AbortSignal;
}

export class StorageStats {
  readonly #deps: StorageDeps;
  readonly #runtime: SlowValues<RuntimeStorage>;
  readonly #logs: SlowValues<DirectoryUsage>;
  readonly #volumes: SlowValues<readonly VolumeStats[]>;

  constructor(deps: StorageDeps) {
    const { signal, settings } = deps;
    const { volumeStatsAggPeriodMs } = settings;
    this.#deps = deps;
    this.#runtime = new SlowValues({ maxAgeMs: RUNTIME_AGE_MS, concurrency: 1, signal });
    this.#logs = new SlowValues({ maxAgeMs: LOGS_AGE_MS, concurrency: WALKS_AT_A_TIME, signal });
    this.#volumes = new SlowValues({
      maxAgeMs: volumeStatsAggPeriodMs,
      concurrency: WALKS_AT_A_TIME,
      signal,
    });
  }

  node(): Promise<FilesystemUsage> {
    return readFilesystem(this.#deps.settings.rootDir);
  }

  runtime(): Promise<RuntimeStorage> {
    return this.#runtime.get('', () => this.#readRuntime());
  }

  logs(pod: Pod, containerName: string): Promise<DirectoryUsage> {
    const path = `${this.#logDirectory(pod)}/${containerName}`;
    return this.#logs.get(path, () => readDirectoryUsage(path));
  }

  volumes(pod: Pod): Promise<readonly VolumeStats[]> {
    const { uid = '' } = pod.metadata;
    return this.#volumes.get(uid, () => this.#readVolumes(pod));
  }

  /** Of the volumes that pods have by a claim. */
  async claims(pods: readonly Pod[]): Promise<readonly ClaimUsage[]> {
    const ofPods = pods
      .filter(pod => pod.spec.volumes?.some(volume => claimNameOf(pod, volume) !== undefined))
      .map(async pod => {
        const { namespace = 'default' } = pod.metadata;
        return (await this.volumes(pod)).flatMap(({ claimName, fs }) =>
          claimName === undefined ? [] : [{ namespace, claimName, fs }],
        );
      });
    return (await Promise.all(ofPods)).flat();
  }

  forgetOld(): void {
    this.#logs.forgetOld();
    this.#volumes.forgetOld();
  }

  #logDirectory({ metadata }: Pod): string {
    const { namespace = 'default', name, uid = '' } = metadata;
    return podLogDirectory(this.#deps.settings.podLogsDir, { namespace, name, uid });
  }

  async #readRuntime(): Promise<RuntimeStorage> {
    const { runtime, images, signal } = this.#deps;
    const [{ imageFilesystems }, stats] = await Promise.all([
      images.imageFsInfo({ signal }),
      runtime.listContainerStats({}, { signal }),
    ]);
    const [image] = imageFilesystems;
    const writableLayers = stats.flatMap(({ attributes, writableLayer }) =>
      attributes && writableLayer ? [[attributes.id, layerUsage(writableLayer)] as const] : [],
    );
    return {
      imageFs: image?.fsId
        ? {
            filesystem: await readFilesystem(image.fsId.mountpoint),
            usage: layerUsage(image),
          }
        : undefined,
      writableLayers: new Map(writableLayers),
    };
  }

  async #readVolumes(pod: Pod): Promise<readonly VolumeStats[]> {
    const directory = `${this.#deps.settings.rootDir}/pods/${pod.metadata.uid ?? ''}/volumes`;
    const found = (pod.spec.volumes ?? []).map(volume =>
      claimNameOf(pod, volume) === undefined ? readVolume(directory, volume) : this.#readClaimed(pod, volume),
    );
    return (await Promise.all(found)).filter(stats => stats !== undefined);
  }

  // hostPath has no figures, as upstream. Nor has NFS: a server that is away would hold a thread for ever.
  async #readClaimed(pod: Pod, volume: Volume): Promise<VolumeStats | undefined> {
    const { settings, volumesOf } = this.#deps;
    const { uid = '' } = pod.metadata;
    const prepared = volumesOf(uid)?.get(volume.name);
    if (prepared?.kind !== 'mount') return undefined;
    const path = lastingVolumeDirectory(settings.rootDir, uid, 'local', prepared.directoryName);
    if (prepared.hostPath !== path) return undefined;
    const fs = await readFilesystem(path).catch(() => undefined); // not any more
    return fs && { name: volume.name, claimName: claimNameOf(pod, volume), isEphemeral: false, fs };
  }
}

function layerUsage(layer: {
  readonly usedBytes: { readonly value: string } | null;
  readonly inodesUsed: { readonly value: string } | null;
}): DirectoryUsage {
  return {
    usedBytes: Number(layer.usedBytes?.value ?? 0),
    inodesUsed: Number(layer.inodesUsed?.value ?? 0),
  };
}

/** Of a claim, or of one that was made for this volume of this pod. */
function claimNameOf({ metadata }: Pod, volume: Volume): string | undefined {
  if (volume['ephemeral'] !== undefined) return `${metadata.name}-${volume.name}`;
  // The API server admits no claim of another shape.
  return (volume['persistentVolumeClaim'] as { readonly claimName: string } | undefined)?.claimName;
}

const EPHEMERAL_KINDS = Object.entries(PLUGIN_DIRECTORY);

/** Undefined for kinds that have no figures, e.g. hostPath, and before it is set up. */
async function readVolume(directory: string, volume: Volume): Promise<VolumeStats | undefined> {
  const { name } = volume;
  const [kind, plugin] = EPHEMERAL_KINDS.find(([field]) => volume[field] !== undefined) ?? [];
  if (kind === undefined || plugin === undefined) return undefined;
  const path = `${directory}/${plugin}/${name}`;
  // On tmpfs it takes no disk; what it has left is the file system's to tell.
  const isMounted = await isMountPoint(path);
  const filesystem = await readFilesystem(path).catch(() => undefined); // not there yet, or not any more
  if (!filesystem) return undefined;
  const fs = isMounted ? filesystem : { ...filesystem, ...(await readDirectoryUsage(path)) };
  return { name, claimName: undefined, isEphemeral: !isMounted, fs };
}
