// ConfigMaps and Secrets the node's pods refer to: one watch per object by name, which is all that node authorisation
// allows, shared by the pods and given up with the last of them.
import type { ApiClient } from '../api/client.ts';
import type { KubeObject } from '../api/objects.ts';
import { configMapsPath, secretsPath } from '../api/paths.ts';
import { watchObjects } from '../api/watch.ts';
import { settledOrAborted } from '../lib/abort.ts';
import { LateTasks } from '../lib/late-tasks.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';

export type ObjectKind = 'configmaps' | 'secrets';

/** What is kept of a ConfigMap or Secret. */
export interface StoredObject extends KubeObject {
  /** Text of a ConfigMap, base64 of a Secret. */
  readonly data?: Readonly<Record<string, string>>;
  /** Base64; ConfigMaps only. */
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
  /** Secrets only, e.g. `kubernetes.io/dockerconfigjson`. */
  readonly type?: string;
}

export type ObjectLookup =
  | { readonly kind: 'present'; readonly object: StoredObject }
  | { readonly kind: 'absent' }
  /** Not listed yet: the first answer of the API server is still to come. */
  | { readonly kind: 'unknown' };

interface Entry {
  readonly kind: ObjectKind;
  readonly namespace: string;
  readonly name: string;
  readonly podUIDs: Set<string>;
  readonly abort: AbortController;
  readonly known: PromiseWithResolvers<void>;
  lookup: ObjectLookup;
}

const PATH = { configmaps: configMapsPath, secrets: secretsPath };
const KNOWN_WITHIN_MS = 1000; // as long as the kubelet waits for its caches
const UNKNOWN: ObjectLookup = { kind: 'unknown' };
const ABSENT: ObjectLookup = { kind: 'absent' };

export class ObjectStore {
  readonly #client: ApiClient;
  readonly #logger: Logger;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Listeners<[podUID: string]>();
  readonly #tasks = new LateTasks();

  constructor({ client, logger }: { client: ApiClient; logger: Logger }) {
    this.#client = client;
    this.#logger = logger;
  }

  /** Runs the watches until the signal aborts; those acquired before start now. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#tasks.run(signal);
  }

  /** Called with each pod whose object became known, changed or went; it only wakes. */
  onChange(listener: (podUID: string) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Keeps the object watched for this pod; idempotent. */
  acquire(podUID: string, kind: ObjectKind, namespace: string, name: string): void {
    const key = keyOf(kind, namespace, name);
    const present = this.#entries.get(key);
    if (present) {
      present.podUIDs.add(podUID);
      return;
    }
    const entry: Entry = {
      kind,
      namespace,
      name,
      podUIDs: new Set([podUID]),
      abort: new AbortController(),
      known: Promise.withResolvers(),
      lookup: UNKNOWN,
    };
    this.#entries.set(key, entry);
    this.#tasks.start(signal => this.#watch(entry, signal), entry.abort);
  }

  /** Gives up everything the pod acquired. */
  release(podUID: string): void {
    for (const [key, entry] of this.#entries) {
      if (!entry.podUIDs.delete(podUID) || entry.podUIDs.size > 0) continue;
      this.#entries.delete(key);
      entry.abort.abort();
      entry.known.resolve();
    }
  }

  /** The object as last seen; `unknown` also for one that nobody acquired. */
  get(kind: ObjectKind, namespace: string, name: string): ObjectLookup {
    return this.#entries.get(keyOf(kind, namespace, name))?.lookup ?? UNKNOWN;
  }

  /** Resolves when the object is present or absent, released, or on abort; the caller looks with `get`. */
  async waitKnown(
    kind: ObjectKind,
    namespace: string,
    name: string,
    { signal }: { signal: AbortSignal },
  ): Promise<void> {
    const entry = this.#entries.get(keyOf(kind, namespace, name));
    if (!entry || entry.lookup.kind !== 'unknown') return;
    await settledOrAborted(entry.known.promise, signal);
  }

  /** Acquires the object for this pod and waits a moment for the first answer; `unknown` when there is none by then. */
  async read(
    podUID: string,
    kind: ObjectKind,
    namespace: string,
    name: string,
    { signal }: { signal: AbortSignal },
  ): Promise<ObjectLookup> {
    this.acquire(podUID, kind, namespace, name);
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(KNOWN_WITHIN_MS)]);
    await this.waitKnown(kind, namespace, name, { signal: bounded });
    return this.get(kind, namespace, name);
  }

  async #watch(entry: Entry, signal: AbortSignal): Promise<void> {
    const { kind, namespace, name } = entry;
    if (!this.#client.hasServer) {
      this.#set(entry, ABSENT);
      return;
    }
    const logger = this.#logger.child({ object: `${kind}/${namespace}/${name}` });
    const query = { fieldSelector: `metadata.name=${name}` };
    try {
      for await (const event of watchObjects<StoredObject>(this.#client, {
        path: PATH[kind](namespace),
        query,
        signal,
        logger,
      })) {
        this.#set(entry, lookupOf(event, name));
        // An immutable object cannot change: the copy serves until the last pod is gone.
        if (entry.lookup.kind === 'present' && entry.lookup.object.immutable) return;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #set(entry: Entry, lookup: ObjectLookup): void {
    const before = entry.lookup;
    entry.lookup = lookup;
    entry.known.resolve();
    if (isSame(before, lookup)) return;
    for (const podUID of entry.podUIDs) this.#listeners.tell(podUID);
  }
}

type ObjectEvent =
  | { readonly kind: 'synced'; readonly objects: readonly StoredObject[] }
  | { readonly kind: 'upserted'; readonly object: StoredObject }
  | { readonly kind: 'deleted' };

function lookupOf(event: ObjectEvent, name: string): ObjectLookup {
  if (event.kind === 'deleted') return ABSENT;
  const object =
    event.kind === 'upserted' ? event.object : event.objects.find(listed => listed.metadata.name === name);
  return object ? { kind: 'present', object: trim(object) } : ABSENT;
}

// Labels, annotations and managed fields would double what a node keeps of them.
function trim({ metadata, data, binaryData, immutable, type }: StoredObject): StoredObject {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    ...(data && { data }),
    ...(binaryData && { binaryData }),
    ...(immutable !== undefined && { immutable }),
    ...(type !== undefined && { type }),
  };
}

function isSame(a: ObjectLookup, b: ObjectLookup): boolean {
  if (a.kind !== 'present' || b.kind !== 'present') return a.kind === b.kind;
  const [before, after] = [a.object.metadata, b.object.metadata];
  return before.uid === after.uid && before.resourceVersion === after.resourceVersion;
}

function keyOf(kind: ObjectKind, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}
