// Keeps the logs of running containers within `containerLogMaxSize` and `containerLogMaxFiles`. Killed at any line, the
// next look goes on: a log that was moved and not opened anew is missing, one packed half-way is a `.tmp`.

import { rename, rm } from 'node:fs/promises';
import type { RuntimeService } from '../cri/runtime-service.ts';
import type { Clock } from '../lib/clock.ts';
import { NotFoundError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { Semaphore } from '../lib/semaphore.ts';
import { sleep } from '../lib/sleep.ts';
import { TaskGroup } from '../lib/task-group.ts';
import { compressLog } from './compress-log.ts';
import { LogWatch } from './log-watch.ts';
import { planLogCleanup, planRotationTime } from './plan-log-rotation.ts';
import { COMPRESSED_SUFFIX, listRotatedLogs } from './rotated-logs.ts';
import type { RuntimeSnapshots } from './snapshots.ts';

export interface LogRotatorConfig {
  readonly containerLogMaxSizeBytes: number;
  readonly containerLogMaxFiles: number;
  readonly containerLogMaxWorkers: number;
  readonly containerLogMonitorIntervalMs: number;
}

export interface LogRotatorDeps {
  readonly runtime: RuntimeService;
  readonly snapshots: RuntimeSnapshots;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface WatchedLog {
  readonly containerId: string;
  readonly podUID: string;
  readonly path: string;
  readonly watch: LogWatch;
  isCleaning: boolean;
  lastProblem: string | undefined;
}

const TIME_CHARACTERS = '20060102-150405'.length;

export class LogRotator {
  readonly #deps: LogRotatorDeps;
  readonly #config: LogRotatorConfig;
  readonly #logs = new Map<string, WatchedLog>();
  readonly #tasks: TaskGroup;
  readonly #packers: Semaphore;

  constructor(deps: LogRotatorDeps, config: LogRotatorConfig, { signal }: { readonly signal: AbortSignal }) {
    this.#deps = { ...deps, logger: deps.logger.child({ component: 'logs' }) };
    this.#config = config;
    this.#tasks = new TaskGroup({ signal });
    this.#packers = new Semaphore(config.containerLogMaxWorkers);
    deps.snapshots.onChange(podUID => this.#follow(podUID));
  }

  /** Lives until the signal aborts. */
  async run(): Promise<void> {
    this.#tasks.run(async signal => {
      while (!signal.aborted) {
        await sleep(this.#config.containerLogMonitorIntervalMs, { signal });
        for (const { watch } of this.#logs.values()) watch.lookUnlessWatched();
      }
    });
    await this.#tasks.join();
    for (const { watch } of this.#logs.values()) watch[Symbol.dispose]();
  }

  /** Brings the watches in line with the containers that run. */
  #follow(podUID: string): void {
    if (this.#tasks.signal.aborted) return;
    const containers = this.#deps.snapshots.get(podUID)?.containers ?? [];
    const running = containers.filter(({ state, logPath }) => state === 'running' && logPath !== '');
    const wanted = new Set(running.map(({ id }) => id));
    for (const log of this.#logs.values()) {
      if (log.podUID !== podUID || wanted.has(log.containerId)) continue;
      log.watch[Symbol.dispose]();
      this.#logs.delete(log.containerId);
    }
    for (const { id, logPath } of running) if (!this.#logs.has(id)) this.#watch(podUID, id, logPath);
  }

  #watch(podUID: string, containerId: string, path: string): void {
    const log: WatchedLog = {
      containerId,
      podUID,
      path,
      watch: new LogWatch(path, size => this.#check(log, size)),
      isCleaning: false,
      lastProblem: undefined,
    };
    this.#logs.set(containerId, log);
  }

  async #check(log: WatchedLog, sizeBytes: number | undefined): Promise<'kept' | 'replaced'> {
    if (sizeBytes !== undefined && sizeBytes <= this.#config.containerLogMaxSizeBytes) return 'kept';
    try {
      if (sizeBytes === undefined) await this.#reopen(log);
      else await this.#rotate(log);
      log.lastProblem = undefined;
    } catch (error) {
      this.#explain(log, error);
    }
    return 'replaced';
  }

  async #rotate(log: WatchedLog): Promise<void> {
    const newest = (await listRotatedLogs(log.path)).at(-1)?.path;
    const prefix = `${log.path}.`;
    const newestTime = newest?.slice(prefix.length, prefix.length + TIME_CHARACTERS);
    const rotatedPath = prefix + planRotationTime(new Date(this.#deps.clock.nowMs()), newestTime);
    await rename(log.path, rotatedPath);
    try {
      await this.#reopen(log);
    } catch (error) {
      // The runtime goes on writing into the file it has: it must keep the name that is looked at.
      await rename(rotatedPath, log.path);
      throw error;
    }
    this.#deps.logger.debug({ containerId: log.containerId, rotatedPath }, 'log rotated');
    this.#tasks.run(signal => this.#cleanUp(log, signal));
  }

  async #reopen({ containerId }: WatchedLog): Promise<void> {
    await this.#deps.runtime.reopenContainerLog(containerId, { signal: this.#tasks.signal });
  }

  /** Removing is quick and keeps up with any burst; packing takes as long as it takes, the oldest first. */
  async #cleanUp(log: WatchedLog, signal: AbortSignal): Promise<void> {
    try {
      const toCompress = await this.#removeExcess(log.path);
      if (log.isCleaning || toCompress.length === 0) return;
      log.isCleaning = true;
      await this.#packers.run(() => this.#compressAll(log.path, signal), { signal, priority: 0 });
    } catch (error) {
      if (!signal.aborted) this.#explain(log, error);
    } finally {
      log.isCleaning = false;
    }
  }

  async #compressAll(path: string, signal: AbortSignal): Promise<void> {
    for (
      let next = await this.#removeExcess(path);
      next[0] !== undefined;
      next = await this.#removeExcess(path)
    ) {
      if (signal.aborted) return;
      await compressLog(next[0], { signal });
    }
  }

  /** Returns what is to be packed. */
  async #removeExcess(path: string): Promise<readonly string[]> {
    const { remove, compress } = planLogCleanup(
      await listRotatedLogs(path),
      this.#config.containerLogMaxFiles,
    );
    for (const one of remove) {
      await rm(one, { force: true });
      if (!one.endsWith(COMPRESSED_SUFFIX)) await rm(one + COMPRESSED_SUFFIX, { force: true });
    }
    return compress;
  }

  #explain(log: WatchedLog, error: unknown): void {
    if (this.#tasks.signal.aborted || error instanceof NotFoundError) return; // the container has just gone
    const problem = String(error);
    if (problem === log.lastProblem) return;
    log.lastProblem = problem;
    const { containerId, path } = log;
    this.#deps.logger.warn({ containerId, path, err: error }, 'log not rotated, trying again');
  }
}
