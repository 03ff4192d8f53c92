// Which resources each pod has, kept over a restart, in the kubelet's own file format so that either agent can take over
// (pkg/kubelet/allocation/state). Written a moment after a change: what is lost with a killed agent, the pods' statuses
// in the API still tell.

import { readFile } from 'node:fs/promises';
import type { ResourceRequirements } from '../api/objects.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { errorMessage } from '../lib/errors.ts';
import { isMissing } from '../lib/if-there.ts';
import type { Logger } from '../lib/logger.ts';
import { OutageLog } from '../lib/outage-log.ts';
import { sleep } from '../lib/sleep.ts';
import { Wakeup } from '../lib/wakeup.ts';

const COALESCE_MS = 50; // a burst of pods is one write
const RETRY_MS = 10_000;
const IDLE_MS = 86_400_000;

export interface PodResourceInfo {
  /** By container name. */
  readonly containers: ReadonlyMap<string, ResourceRequirements>;
  /** `spec.resources` of a pod that has it. */
  readonly pod: ResourceRequirements | undefined;
}

interface FileEntry {
  readonly ContainerResources: Readonly<Record<string, ResourceRequirements>> | null;
  readonly PodLevelResources: ResourceRequirements | null;
}

export class ResourceCheckpoint {
  readonly #path: string;
  readonly #outage: OutageLog;
  readonly #entries: Map<string, PodResourceInfo>;
  readonly #wakeup = new Wakeup();

  private constructor(path: string, entries: Map<string, PodResourceInfo>, logger: Logger) {
    this.#path = path;
    this.#entries = entries;
    this.#outage = new OutageLog(logger, `writing ${path}`);
  }

  /** Reads what an agent before this one has written; a file that cannot be read is said so and begun anew. */
  static async open(path: string, logger: Logger): Promise<ResourceCheckpoint> {
    try {
      const text = await readFile(path, 'utf8');
      return new ResourceCheckpoint(path, parseCheckpoint(text), logger);
    } catch (error) {
      if (!isMissing(error)) {
        const reason = errorMessage(error);
        logger.warn(
          { path, reason },
          'resource checkpoint cannot be read; the statuses of the pods stand in for it',
        );
      }
      return new ResourceCheckpoint(path, new Map(), logger);
    }
  }

  get(podUID: string): PodResourceInfo | undefined {
    return this.#entries.get(podUID);
  }

  set(podUID: string, info: PodResourceInfo): void {
    this.#entries.set(podUID, info);
    this.#wakeup.wake();
  }

  remove(podUID: string): void {
    if (this.#entries.delete(podUID)) this.#wakeup.wake();
  }

  /** Forgets every pod that is not named: they went while no agent ran. */
  retain(podUIDs: ReadonlySet<string>): void {
    for (const podUID of this.#entries.keys()) if (!podUIDs.has(podUID)) this.remove(podUID);
  }

  /** Writes what changes; lives until the signal aborts, and writes once more then. */
  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      await this.#wakeup.wait(IDLE_MS, { signal });
      await sleep(COALESCE_MS, { signal });
      await this.#write(signal);
    }
  }

  async #write(signal: AbortSignal): Promise<void> {
    try {
      await writeFileAtomic(this.#path, formatCheckpoint(this.#entries), 0o600);
      this.#outage.succeeded();
    } catch (error) {
      this.#outage.failed(error);
      await sleep(RETRY_MS, { signal });
      this.#wakeup.wake();
    }
  }
}

export function parseCheckpoint(text: string): Map<string, PodResourceInfo> {
  // Ours or the kubelet's: the checksum says that it is whole.
  const { data, checksum } = JSON.parse(text) as { data?: unknown; checksum?: unknown };
  if (typeof data !== 'string') throw new Error('no data');
  if (checksum !== checkpointChecksum(data)) throw new Error('the checksum does not match');
  const { entries } = JSON.parse(data) as { entries?: Readonly<Record<string, FileEntry>> | null };
  return new Map(
    Object.entries(entries ?? {}).map(([podUID, { ContainerResources, PodLevelResources }]) => [
      podUID,
      { containers: new Map(Object.entries(ContainerResources ?? {})), pod: PodLevelResources ?? undefined },
    ]),
  );
}

export function formatCheckpoint(entries: ReadonlyMap<string, PodResourceInfo>): string {
  const file = [...entries].map(([podUID, { containers, pod }]): [string, FileEntry] => [
    podUID,
    { ContainerResources: Object.fromEntries(containers), PodLevelResources: pod ?? null },
  ]);
  const data = JSON.stringify(file.length > 0 ? { entries: Object.fromEntries(file) } : {});
  return JSON.stringify({ data, checksum: checkpointChecksum(data) });
}

/** FNV-1a over the text as Go prints a string with its type (checkpointmanager/checksum): the kubelet reads it too. */
export function checkpointChecksum(data: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`(string)${data}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash;
}

export interface ResourceCheckpoints {
  /** What pods were given. */
  readonly allocated: ResourceCheckpoint;
  /** What their containers were made or updated with. */
  readonly actuated: ResourceCheckpoint;
}

/** The kubelet's two files. */
export function checkpointPaths(rootDir: string) {
  return { allocated: `${rootDir}/allocated_pods_state`, actuated: `${rootDir}/actuated_pods_state` };
}

export async function openResourceCheckpoints(rootDir: string, logger: Logger): Promise<ResourceCheckpoints> {
  const paths = checkpointPaths(rootDir);
  const [allocated, actuated] = await Promise.all([
    ResourceCheckpoint.open(paths.allocated, logger),
    ResourceCheckpoint.open(paths.actuated, logger),
  ]);
  return { allocated, actuated };
}
