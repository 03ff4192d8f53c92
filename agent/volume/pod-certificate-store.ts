// Certificates of the node's pods by PodCertificateRequest, kept in memory with their keys and renewed when their signer
// says. What a restarted agent finds in a volume serves until there is a new one.
import type { ApiClient } from '../api/client.ts';
import { settledOrAborted } from '../lib/abort.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { LateTasks } from '../lib/late-tasks.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';
import { keepFresh } from './keep-fresh.ts';
import {
  type IssuedCertificate,
  type PodIdentity,
  requestPodCertificate,
} from './request-pod-certificate.ts';
import type { PodCertificateSource } from './volume-source.ts';

/** One source of one volume. */
export interface PodCertificate extends Omit<PodIdentity, 'nodeUID'> {
  readonly volumeName: string;
  readonly source: PodCertificateSource;
}

export type PodCertificateLookup =
  | { readonly kind: 'present'; readonly certificate: IssuedCertificate }
  | { readonly kind: 'missing'; readonly problem: string };

interface Entry {
  readonly wanted: PodCertificate;
  readonly abort: AbortController;
  current: IssuedCertificate | undefined;
  problem: string;
  /** Resolved with the first certificate, or with the first refusal. */
  readonly settled: PromiseWithResolvers<void>;
}

const NOT_ISSUED = 'credential bundle is not issued yet';
const RETRY = { initialMs: 100, maxMs: 120_000, jitter: 0.3 };
const SETTLED_AFTER_FAILURES = 4;
const MAX_JITTER_MS = 300_000;

export interface PodCertificateStoreDeps {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Undefined before the Node is known. */
  readonly nodeUID: () => string | undefined;
}

export class PodCertificateStore {
  readonly #deps: PodCertificateStoreDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Listeners<[podUID: string]>();
  readonly #tasks = new LateTasks();

  constructor(deps: PodCertificateStoreDeps) {
    this.#deps = deps;
  }

  /** Requests and renews until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#tasks.run(signal);
  }

  /** Called with the pod whose certificate was issued, renewed or refused; it only wakes. */
  onChange(listener: (podUID: string) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Keeps a certificate for the pod from now on; idempotent. */
  acquire(wanted: PodCertificate): void {
    const key = keyOf(wanted);
    if (this.#entries.has(key)) return;
    const entry: Entry = {
      wanted,
      abort: new AbortController(),
      current: undefined,
      problem: NOT_ISSUED,
      settled: Promise.withResolvers(),
    };
    this.#entries.set(key, entry);
    this.#tasks.start(signal => this.#keepFresh(entry, signal), entry.abort);
  }

  /** Drops the pod's certificates and keys. */
  release(podUID: string): void {
    for (const [key, entry] of this.#entries) {
      if (entry.wanted.podUID !== podUID) continue;
      this.#entries.delete(key);
      entry.abort.abort();
      entry.settled.resolve();
    }
  }

  get(wanted: PodCertificate): PodCertificateLookup {
    const entry = this.#entries.get(keyOf(wanted));
    if (entry?.current) return { kind: 'present', certificate: entry.current };
    return { kind: 'missing', problem: entry?.problem ?? NOT_ISSUED };
  }

  /** Resolves with the first certificate or refusal, on release or on abort; the caller looks with `get`. */
  async waitSettled(wanted: PodCertificate, { signal }: { signal: AbortSignal }): Promise<void> {
    const entry = this.#entries.get(keyOf(wanted));
    if (entry && !entry.current) await settledOrAborted(entry.settled.promise, signal);
  }

  async #keepFresh(entry: Entry, signal: AbortSignal): Promise<void> {
    const certificate = {
      dueAtMs: 0,
      attempt: () => this.#attempt(entry, signal),
      retry: RETRY,
      patience: SETTLED_AFTER_FAILURES,
      onImpatience: () => entry.settled.resolve(),
    };
    await keepFresh(certificate, { clock: this.#deps.clock, signal });
  }

  async #attempt(entry: Entry, signal: AbortSignal): Promise<number | 'failed' | 'over'> {
    const { nodeUID } = this.#deps;
    try {
      const pod = { ...entry.wanted, nodeUID: nodeUID() ?? '' };
      const outcome = await requestPodCertificate(this.#deps, pod, entry.wanted.source, { signal });
      if (outcome.kind === 'abandoned') return 'failed';
      if (outcome.kind === 'issued') entry.current = outcome.certificate;
      else this.#note(entry, outcome.problem);
      entry.settled.resolve();
      this.#listeners.tell(entry.wanted.podUID);
      return outcome.kind === 'issued' ? refreshAtMs(outcome.certificate, Math.random()) : 'over';
    } catch (error) {
      if (!signal.aborted) this.#note(entry, `requesting a pod certificate failed: ${errorMessage(error)}`);
      return 'failed';
    }
  }

  #note(entry: Entry, problem: string): void {
    if (entry.problem === problem) return;
    entry.problem = problem;
    const { podUID, namespace, podName, volumeName: volume } = entry.wanted;
    const text = 'no certificate for the pod';
    this.#deps.logger.warn({ podUID, pod: `${namespace}/${podName}`, volume, reason: problem }, text);
  }
}

/** When a certificate is renewed: a little after its signer's own wish, so that not all come at once, before its end. */
export function refreshAtMs({ beginRefreshAtMs, notAfterMs }: IssuedCertificate, random: number): number {
  const roomMs = Math.max(0, notAfterMs - beginRefreshAtMs) / 2;
  return beginRefreshAtMs + random * Math.min(MAX_JITTER_MS, roomMs);
}

function keyOf({ podUID, volumeName, source }: PodCertificate): string {
  return JSON.stringify([podUID, volumeName, source]);
}
