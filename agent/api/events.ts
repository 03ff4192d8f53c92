import type { Logger } from 'pino';
import type { Clock } from '../lib/clock.ts';
import { AlreadyExistsError, DeniedError, NotFoundError, UnavailableError } from '../lib/errors.ts';
import { sleep } from '../lib/sleep.ts';
import { Wakeup } from '../lib/wakeup.ts';
import type { ApiClient } from './client.ts';
import { EventCorrelator, type EventType, type EventWrite, type Occurrence } from './event-correlator.ts';
import type { ObjectReference } from './objects.ts';
import { eventPath, eventsPath } from './paths.ts';

interface Deps {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly component: string;
  /** The node's name. */
  readonly host: string;
}

// All four as client-go and the kubelet have them.
const QUEUE_MAX = 1000;
const TRIES_MAX = 12;
const RETRY_MS = 10_000;
const MIN_INTERVAL_MS = 20; // 50 per second ...
const BURST = 100;
const WRITE_TIMEOUT_MS = 30_000;
const FLUSH_TIMEOUT_MS = 1000;
const IDLE_MS = 3_600_000;
// What an event tells of is under way: it goes first, and what comes close together is counted together. While pods
// start one after the other their Normal events would take a tenth of the CPU from it: they wait for a pause.
const LINGER_MS = 100;
const PAUSE_MS = 300;
const WAIT_MAX_MS = 5000;

/** Writes Events to the API server behind everybody's back: callers never wait and never fail. */
export class EventRecorder {
  readonly #deps: Deps;
  readonly #correlator: EventCorrelator;
  readonly #queue: Occurrence[] = [];
  readonly #wakeup = new Wakeup();
  #current: EventWrite | undefined;
  #dropped = 0;
  /** Refused one after the other: the first is told, and how many it were when one is taken again. */
  #refused = 0;
  /** When the next write may start if none were saved up; lags behind the clock by at most the burst. */
  #nextAtMs = 0;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#correlator = new EventCorrelator(deps);
  }

  /** Never throws, never waits; dropped when a thousand wait already. */
  event(reference: ObjectReference, type: EventType, reason: string, message: string): void {
    if (!this.#deps.client.hasServer) return; // nobody to tell
    if (this.#queue.length >= QUEUE_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#queue.push({ reference, type, reason, message, atMs: this.#deps.clock.nowMs() });
    this.#wakeup.wake();
  }

  /** Writes until the signal aborts, then for at most a second what is left. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#drain(signal);
      await this.#wakeup.wait(IDLE_MS, { signal });
      await this.#linger(signal);
    }
    await this.#drain(AbortSignal.timeout(FLUSH_TIMEOUT_MS));
  }

  /** Until no event has come for a moment; what goes wrong is told soon, and all else after five seconds at the latest. */
  async #linger(signal: AbortSignal): Promise<void> {
    const startedAtMs = performance.now();
    let seen: number;
    do {
      if (this.#queue.some(({ type }) => type === 'Warning')) return await sleep(LINGER_MS, { signal });
      seen = this.#queue.length;
      await this.#wakeup.wait(PAUSE_MS, { signal });
      if (this.#queue.length > seen) await sleep(LINGER_MS, { signal });
    } while (!signal.aborted && this.#queue.length > seen && performance.now() - startedAtMs < WAIT_MAX_MS);
  }

  async #drain(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#current) {
        const occurrence = this.#queue.shift();
        if (!occurrence) break;
        this.#current = this.#correlator.correlate(occurrence);
      }
      if (this.#current) await this.#deliver(this.#current, signal);
      // Interrupted by shutdown: it is the first of the flush.
      if (signal.aborted) return;
      this.#current = undefined;
    }
    if (this.#dropped > 0) this.#deps.logger.warn({ count: this.#dropped }, 'Events dropped, queue full');
    this.#dropped = 0;
  }

  async #deliver(write: EventWrite, signal: AbortSignal): Promise<void> {
    let current = write;
    for (let tries = 1; ; tries += 1) {
      await this.#pace(signal);
      if (signal.aborted) return;
      try {
        await this.#send(current, signal);
        this.#noteTaken();
        return;
      } catch (error) {
        if (signal.aborted || error instanceof AlreadyExistsError) return;
        if (error instanceof NotFoundError && current.isUpdate) {
          current = this.#correlator.renew(current);
          continue;
        }
        if (isNamespaceGoing(error)) {
          this.#deps.logger.debug({ err: error }, 'Event dropped, its namespace is going');
          return;
        }
        if (!isWorthRetrying(error) || tries >= TRIES_MAX) {
          this.#noteRefused(current, error, tries);
          return;
        }
        // The first delay is random: a thousand nodes lost the API server in the same moment.
        await sleep(tries === 1 ? RETRY_MS * Math.random() : RETRY_MS, { signal });
      }
    }
  }

  #noteTaken(): void {
    if (this.#refused > 1) this.#deps.logger.info({ count: this.#refused }, 'Events are written again');
    this.#refused = 0;
  }

  #noteRefused({ event: { reason, involvedObject } }: EventWrite, error: unknown, attempt: number): void {
    this.#refused += 1;
    const level = this.#refused === 1 ? 'warn' : 'debug';
    const fields = { reason, object: involvedObject.name, err: error, attempt };
    this.#deps.logger[level](fields, 'Event not written');
  }

  async #send({ event, isUpdate }: EventWrite, signal: AbortSignal): Promise<void> {
    const { client } = this.#deps;
    const { namespace, name } = event.metadata;
    const options = { signal, timeoutMs: WRITE_TIMEOUT_MS };
    if (!isUpdate) {
      await client.create(eventsPath(namespace), event, options);
      return;
    }
    const { count, lastTimestamp, message } = event;
    const patch = { count, lastTimestamp, message };
    await client.patch(eventPath(namespace, name), patch, { ...options, type: 'strategic' });
  }

  /** 50 writes a second, 100 at once after a quiet time. */
  async #pace(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    this.#nextAtMs = Math.max(this.#nextAtMs, now - BURST * MIN_INTERVAL_MS) + MIN_INTERVAL_MS;
    await sleep(this.#nextAtMs - now, { signal });
  }
}

// Nobody can write there any more, and nobody will read it: no reason for a warning.
function isNamespaceGoing(error: unknown): boolean {
  return (
    (error instanceof DeniedError && error.code === 'NamespaceTerminating') || error instanceof NotFoundError
  );
}

/** Only a server that was not reached: an answer, whatever it says, ends it. */
function isWorthRetrying(error: unknown): boolean {
  return (
    error instanceof UnavailableError &&
    (error.code === 'ConnectionLost' || error.code === 'DeadlineExceeded')
  );
}
