// Which Event object an occurrence becomes, as client-go's event correlator decides it: many similar ones are combined,
// equal ones are counted, and an object that never stops is cut off.

import { randomBytes } from 'node:crypto';
import type { ObjectReference } from './objects.ts';

export type EventType = 'Normal' | 'Warning';

export interface Occurrence {
  readonly reference: ObjectReference;
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
  readonly atMs: number;
}

/** An Event as it is written, core/v1. */
export interface EventObject {
  readonly apiVersion: 'v1';
  readonly kind: 'Event';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly involvedObject: ObjectReference;
  readonly reason: string;
  readonly message: string;
  readonly source: { readonly component: string; readonly host: string };
  readonly reportingComponent: string;
  readonly reportingInstance: string;
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
  readonly count: number;
  readonly type: EventType;
}

/** `isUpdate`: the object is there already, unless its hour has passed. */
export interface EventWrite {
  readonly event: EventObject;
  readonly isUpdate: boolean;
  /** What the correlator knows it by. */
  readonly key: string;
}

interface Aggregate {
  readonly messages: Set<string>;
  lastAtMs: number;
}

interface Seen {
  name: string;
  readonly firstAtMs: number;
  count: number;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

const CACHE_ENTRIES = 4096;
const SIMILAR_MAX = 10;
const SIMILAR_WINDOW_MS = 600_000;
const SPAM_BURST = 25;
const SPAM_REFILL_MS = 300_000;
const COMBINED_PREFIX = '(combined from similar events): ';
const MAX_NAME_LENGTH = 253;
const MAX_MESSAGE_LENGTH = 1024;

export class EventCorrelator {
  readonly #component: string;
  readonly #host: string;
  readonly #aggregates = new Map<string, Aggregate>();
  readonly #seen = new Map<string, Seen>();
  readonly #buckets = new Map<string, Bucket>();

  constructor({ component, host }: { component: string; host: string }) {
    this.#component = component;
    this.#host = host;
  }

  /** What to write, or undefined when this object has said too much. */
  correlate(occurrence: Occurrence): EventWrite | undefined {
    const { message, key } = this.#aggregate(occurrence);
    const { seen, isUpdate } = this.#count(occurrence, key);
    // After the count, so that the next one that is admitted tells how many there were.
    if (!this.#admit(occurrence)) return undefined;
    return { event: this.#build(occurrence, message, seen), isUpdate, key };
  }

  /** The event to update was not there any more (they live an hour): written anew, under a new name. */
  renew({ event, key }: EventWrite): EventWrite {
    const name = eventName(event.involvedObject.name ?? '');
    const seen = this.#seen.get(key);
    if (seen) seen.name = name;
    return { event: { ...event, metadata: { ...event.metadata, name } }, isUpdate: false, key };
  }

  /** More than a few different messages for one object and reason become one event. */
  #aggregate({ reference, type, reason, message, atMs }: Occurrence): {
    message: string;
    key: string;
  } {
    const similar = [...objectKey(reference), type, reason];
    const key = similar.join('\0');
    const known = this.#aggregates.get(key);
    const isRecent = known !== undefined && atMs - known.lastAtMs <= SIMILAR_WINDOW_MS;
    const aggregate: Aggregate = isRecent ? known : { messages: new Set(), lastAtMs: atMs };
    aggregate.lastAtMs = atMs;
    aggregate.messages.add(message);
    remember(this.#aggregates, key, aggregate);
    if (aggregate.messages.size < SIMILAR_MAX) {
      return { message, key: [...similar, reference.fieldPath ?? '', message].join('\0') };
    }
    // Bounded: one goes for each that comes.
    for (const oldest of aggregate.messages) {
      aggregate.messages.delete(oldest);
      break;
    }
    return { message: COMBINED_PREFIX + message, key: `combined\0${key}` };
  }

  #count({ reference, atMs }: Occurrence, key: string): { seen: Seen; isUpdate: boolean } {
    const known = this.#seen.get(key);
    const seen = known ?? { name: eventName(reference.name ?? ''), firstAtMs: atMs, count: 0 };
    seen.count += 1;
    remember(this.#seen, key, seen);
    return { seen, isUpdate: known !== undefined };
  }

  #admit({ reference, type, atMs }: Occurrence): boolean {
    const key = [...objectKey(reference), type].join('\0');
    const bucket = this.#buckets.get(key) ?? { tokens: SPAM_BURST, filledAtMs: atMs };
    bucket.tokens = Math.min(SPAM_BURST, bucket.tokens + (atMs - bucket.filledAtMs) / SPAM_REFILL_MS);
    bucket.filledAtMs = atMs;
    remember(this.#buckets, key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #build({ reference, type, reason, atMs }: Occurrence, message: string, seen: Seen): EventObject {
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: seen.name, namespace: reference.namespace ?? 'default' },
      involvedObject: reference,
      reason,
      message: message.slice(0, MAX_MESSAGE_LENGTH),
      source: { component: this.#component, host: this.#host },
      reportingComponent: this.#component,
      reportingInstance: this.#host,
      firstTimestamp: timestamp(seen.firstAtMs),
      lastTimestamp: timestamp(atMs),
      count: seen.count,
      type,
    };
  }
}

function objectKey({ apiVersion, kind, namespace, name, uid }: ObjectReference): string[] {
  return [apiVersion ?? '', kind ?? '', namespace ?? '', name ?? '', uid ?? ''];
}

/** Puts an entry at the young end and lets the oldest go. */
function remember<V>(cache: Map<string, V>, key: string, value: V): void {
  cache.delete(key);
  cache.set(key, value);
  if (cache.size <= CACHE_ENTRIES) return;
  for (const oldest of cache.keys()) {
    cache.delete(oldest);
    break;
  }
}

/** The object's name and 16 hex digits, as kubectl's users know them. */
function eventName(objectName: string): string {
  const suffix = randomBytes(8).toString('hex');
  return `${objectName.slice(0, MAX_NAME_LENGTH - suffix.length - 1)}.${suffix}`;
}

/** metav1.Time: whole seconds. */
function timestamp(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}
