import type { Logger } from 'pino';
import { Backoff } from '../lib/backoff.ts';
import { ExpiredError, errorMessage } from '../lib/errors.ts';
import { sleep } from '../lib/sleep.ts';
import type { ApiClient } from './client.ts';
import { errorFromStatus, type Status } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { isOlder } from './resource-version.ts';
import { trimObject } from './trim.ts';
import { nextWatchState, type WatchOutcome, type WatchPause, type WatchState } from './watch-state.ts';

export type WatchEvent<T> =
  /** The complete list: first, and again after every new list. */
  | { readonly kind: 'synced'; readonly objects: readonly T[]; readonly resourceVersion: string }
  | { readonly kind: 'upserted'; readonly object: T }
  | { readonly kind: 'deleted'; readonly object: T };

export interface WatchOptions<T> {
  /** Of the collection, e.g. `/api/v1/pods`. */
  readonly path: string;
  /** fieldSelector, labelSelector. */
  readonly query?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Drops what is not needed before the object is kept; without it metadata alone is trimmed. */
  readonly trim?: (object: T) => T;
}

// As client-go: doubling from 0.8 s to 30 s, forgotten after two minutes without trouble.
const BACKOFF = { initialMs: 800, maxMs: 30_000, jitter: 0.5 };
const BACKOFF_RESET_MS = 120_000;
const BRIEF_PAUSE_MS = 800;
const PAGE_LIMIT = 500;
const LIST_TIMEOUT_MS = 60_000; // kube-apiserver's own --request-timeout
// The server ends a watch at a random moment in this span, so that they do not all come back together.
const WATCH_TIMEOUT_MIN_SECONDS = 300;
const WATCH_TIMEOUT_SPREAD_SECONDS = 300;
// ... and when it does not, we do.
const WATCH_OVERTIME_MS = 30_000;
const MAX_STEPS_BACK = 2;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** Lists and then follows a collection. Never ends before the signal aborts, never throws for server trouble. */
export async function* watchObjects<T extends KubeObject>(
  client: ApiClient,
  options: WatchOptions<T>,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  yield* new Watch(client, options).run();
}

interface ListPage {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly unknown[] | null;
}

interface RawEvent {
  readonly type: string;
  readonly object: unknown;
}

class Watch<T extends KubeObject> {
  readonly #client: ApiClient;
  readonly #options: WatchOptions<T>;
  readonly #logger: Logger;
  readonly #backoff = new Backoff(BACKOFF);
  #state: WatchState = { kind: 'streaming' };
  #canStream = true;
  #isInTrouble = false;
  #stepsBack = 0;
  /** Of what the state stands on. */
  #history: AbortSignal;

  constructor(client: ApiClient, options: WatchOptions<T>) {
    this.#client = client;
    this.#options = options;
    this.#logger = options.logger.child({ path: options.path });
    this.#history = client.history;
  }

  async *run(): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      const startedMs = performance.now();
      let outcome: WatchOutcome;
      if (this.#state.kind !== 'watching') this.#history = this.#client.history;
      try {
        outcome = this.#state.kind === 'listing' ? yield* this.#list() : yield* this.#stream();
      } catch (error) {
        outcome = { kind: 'failed', error, lastedMs: performance.now() - startedMs };
      }
      if (signal.aborted) return;
      if (performance.now() - startedMs >= BACKOFF_RESET_MS) this.#backoff.reset();
      await sleep(this.#pauseMs(this.#advance(outcome)), { signal });
    }
  }

  #advance(outcome: WatchOutcome): WatchPause {
    const before = this.#state;
    const { state, pause, trouble } = nextWatchState(before, outcome, this.#canStream);
    this.#logger.debug({ from: before.kind, to: state.kind, outcome: outcome.kind }, 'Watch moves on');
    if (before.kind === 'streaming' && state.kind === 'listing') this.#canStream = false;
    if (trouble !== undefined && !this.#isInTrouble) {
      this.#isInTrouble = true; // once per outage, not per attempt
      this.#logger.warn({ reason: trouble }, 'Watch failed, trying again');
    }
    this.#state = state;
    return pause;
  }

  #pauseMs(pause: WatchPause): number {
    switch (pause.kind) {
      case 'none':
        return 0;
      case 'brief':
        return BRIEF_PAUSE_MS * (0.25 + 0.75 * Math.random());
      case 'backoff':
        return Math.max(pause.atLeastMs, this.#backoff.nextMs());
    }
  }

  #recovered(): void {
    if (!this.#isInTrouble) return;
    this.#isInTrouble = false;
    this.#logger.info('Watch works again');
  }

  async *#list(): AsyncGenerator<WatchEvent<T>, WatchOutcome, undefined> {
    const { objects, resourceVersion } = await this.#listPages();
    this.#recovered();
    yield { kind: 'synced', objects, resourceVersion };
    return { kind: 'synced', resourceVersion };
  }

  async #listPages(): Promise<{ objects: T[]; resourceVersion: string }> {
    const objects: T[] = [];
    let position: Record<string, string> = { limit: String(PAGE_LIMIT) };
    for (;;) {
      const { path, query, signal } = this.#options;
      const page: ListPage | undefined = await this.#client
        .get<ListPage>(path, { query: { ...query, ...position }, signal, timeoutMs: LIST_TIMEOUT_MS })
        .catch((error: unknown) => {
          // The list took longer than the server keeps its pages: once more, in one piece.
          if (error instanceof ExpiredError && position['continue']) return undefined;
          throw error;
        });
      if (page === undefined) {
        objects.length = 0;
        position = {};
        continue;
      }
      for (const item of page.items ?? []) {
        const object = this.#read(item);
        if (object) objects.push(object);
      }
      if (!page.metadata?.continue) {
        return { objects, resourceVersion: page.metadata?.resourceVersion ?? '' };
      }
      position = { limit: String(PAGE_LIMIT), continue: page.metadata.continue };
    }
  }

  /** A watch; the list comes first in it when the state is `streaming`. */
  async *#stream(): AsyncGenerator<WatchEvent<T>, WatchOutcome, undefined> {
    let listed = this.#state.kind === 'streaming' ? new Map<string, T>() : undefined;
    const startedMs = performance.now();
    let hadEvents = false;
    for await (const line of this.#open()) {
      const event = this.#parse(line);
      this.#recovered();
      hadEvents = true;
      if (event === undefined) continue;
      // A cast, because only optional strings of it are read, to be shown.
      if (event.type === 'ERROR') throw errorFromStatus(event.object as Status);
      const object = this.#read(event.object, event.type);
      if (object === undefined) continue;
      if (listed === undefined) {
        this.#moveTo(object);
        if (event.type === 'DELETED') yield { kind: 'deleted', object };
        else if (event.type !== 'BOOKMARK') yield { kind: 'upserted', object };
      } else if (event.type !== 'BOOKMARK') {
        const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
        if (event.type === 'DELETED') listed.delete(key);
        else listed.set(key, object);
      } else if (object.metadata.annotations?.[INITIAL_EVENTS_END] === 'true') {
        const resourceVersion = object.metadata.resourceVersion ?? '';
        this.#advance({ kind: 'synced', resourceVersion });
        const objects = [...listed.values()];
        listed = undefined;
        yield { kind: 'synced', objects, resourceVersion };
      }
    }
    return { kind: 'ended', lastedMs: performance.now() - startedMs, hadEvents };
  }

  #open(): AsyncIterable<string> {
    const { path, query, signal } = this.#options;
    const timeoutSeconds =
      WATCH_TIMEOUT_MIN_SECONDS + Math.floor(Math.random() * WATCH_TIMEOUT_SPREAD_SECONDS);
    const position: Readonly<Record<string, string>> =
      this.#state.kind === 'watching'
        ? { resourceVersion: this.#state.resourceVersion }
        : { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' };
    return this.#client.watchStream(path, {
      query: {
        ...query,
        watch: 'true',
        allowWatchBookmarks: 'true',
        timeoutSeconds: String(timeoutSeconds),
        ...position,
      },
      signal,
      history: this.#history,
      timeoutMs: timeoutSeconds * 1000 + WATCH_OVERTIME_MS,
    });
  }

  /** Remembers how far the watch has come. */
  #moveTo({ metadata }: KubeObject): void {
    const { resourceVersion } = metadata;
    if (this.#state.kind !== 'watching' || !resourceVersion) return;
    if (!isOlder(resourceVersion, this.#state.resourceVersion)) {
      this.#state = { kind: 'watching', resourceVersion };
      this.#stepsBack = 0;
      return;
    }
    // One may come from an API server that lags behind its peers. Several: the cluster's store was restored from a
    // backup, and a watch from our position would stay silent until the numbers catch up.
    this.#stepsBack += 1;
    if (this.#stepsBack < MAX_STEPS_BACK) return;
    this.#stepsBack = 0;
    const message = `resourceVersion went back from ${this.#state.resourceVersion} to ${resourceVersion}`;
    throw new ExpiredError(message, { code: 'WentBack' });
  }

  #parse(line: string): RawEvent | undefined {
    try {
      const event: unknown = JSON.parse(line);
      if (typeof event === 'object' && event !== null && 'type' in event && 'object' in event) {
        return { type: String(event.type), object: event.object };
      }
      this.#logger.warn({ excerpt: line.slice(0, 100) }, 'Watch event not understood, passed over');
    } catch (error) {
      this.#logger.warn({ reason: errorMessage(error) }, 'Watch event is not JSON, passed over');
    }
    return undefined;
  }

  /** The object if it has what every object has; anything else is logged and passed over, never a crash. */
  #read(value: unknown, type = 'ADDED'): T | undefined {
    const isObject = typeof value === 'object' && value !== null && 'metadata' in value;
    const metadata: unknown = isObject ? value.metadata : undefined;
    if (typeof metadata !== 'object' || metadata === null) {
      this.#logger.warn('Object without metadata, passed over');
      return undefined;
    }
    // The server was asked for this kind; deeper fields are read with care by their readers.
    const object = value as T;
    if (type === 'BOOKMARK') return object;
    try {
      return (this.#options.trim ?? trimObject)(object);
    } catch (error) {
      const { name, namespace } = object.metadata;
      this.#logger.warn({ err: error, name, namespace }, 'Object of an unknown shape, kept as it came');
      return object;
    }
  }
}
