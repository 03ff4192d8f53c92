// Keeps one certificate of the node fresh: looks, plans, asks, stores; from missing through due to missing again.

import { Counter, Gauge } from 'prom-client';
import type { ApiClient } from '../api/client.ts';
import { Backoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';
import { metricsRegistry } from '../lib/metrics.ts';
import { Wakeup } from '../lib/wakeup.ts';
import type { SubjectAltNames } from './certificate-request.ts';
import { CLIENT_SIGNER, requestCertificate, SERVING_SIGNER } from './certificate-signing.ts';
import type { CertificateStore } from './certificate-store.ts';
import type { KeyPair } from './key-pair.ts';
import { planRotation, type RotationReason } from './plan-rotation.ts';

export interface CertificateKind {
  readonly name: 'client' | 'serving';
  readonly signerName: string;
  readonly usages: readonly string[];
}

export const CLIENT: CertificateKind = {
  name: 'client',
  signerName: CLIENT_SIGNER,
  usages: ['digital signature', 'client auth'],
};

export const SERVING: CertificateKind = {
  name: 'serving',
  signerName: SERVING_SIGNER,
  usages: ['digital signature', 'server auth'],
};

export interface CertificateManagerDeps {
  readonly store: CertificateStore;
  readonly nodeName: string;
  /** Whom to ask, given why; throws with one clear line when nobody can be asked. */
  readonly withClient: <T>(reason: RotationReason, use: (client: ApiClient) => Promise<T>) => Promise<T>;
  /** The names it has to have; undefined while they are not known. */
  readonly wantedNames: () => SubjectAltNames | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

const ttlSeconds = {
  client: ttlGauge('kubelet_certificate_manager_client_ttl_seconds', 'client'),
  serving: ttlGauge('kubelet_certificate_manager_server_ttl_seconds', 'serving'),
};

const renewErrors = {
  client: errorCounter('kubelet_certificate_manager_client_expiration_renew_errors', 'client'),
  serving: errorCounter('kubelet_server_expiration_renew_errors', 'serving'),
};

const NO_CERTIFICATE_TTL = Number.POSITIVE_INFINITY; // what the kubelet shows then
// Timers run on another clock than certificates: after a jump the next look sees it.
const CLOCK_LOOK_MS = 60_000;
const NAMES_LOOK_MS = 1_000;
const ANSWER_TIMEOUT_MS = 900_000; // as the kubelet
// An approving controller takes milliseconds; after this it is said that a person is waited for.
const FIRST_ANSWER_TIMEOUT_MS = 5_000;
const FAILURE_BACKOFF = { initialMs: 2_000, maxMs: 32_000, jitter: 0.2 };
// Each refusal is a new request that somebody has to look at.
const REFUSAL_BACKOFF = { initialMs: 10_000, maxMs: 300_000, jitter: 0.2 };

export class CertificateManager {
  readonly #kind: CertificateKind;
  readonly #deps: CertificateManagerDeps;
  readonly #wakeup = new Wakeup();
  readonly #failures = new Backoff(FAILURE_BACKOFF);
  readonly #refusals = new Backoff(REFUSAL_BACKOFF);
  readonly #listeners = new Listeners();
  #current: KeyPair | undefined;
  #lastTrouble = '';

  constructor(kind: CertificateKind, deps: CertificateManagerDeps) {
    this.#kind = kind;
    this.#deps = deps;
  }

  /** The pair as last looked at. */
  get current(): KeyPair | undefined {
    return this.#current;
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** The wanted names may have changed, or the store's files. */
  wake(): void {
    this.#wakeup.wake();
  }

  /** Reads the store: also what another program or an administrator has put there. */
  async look(): Promise<void> {
    let found: KeyPair | undefined;
    try {
      found = await this.#deps.store.readCurrent();
    } catch (error) {
      this.#trouble(`${this.#deps.store.currentPath} cannot be used: ${errorMessage(error)}`);
    }
    this.#adopt(found);
  }

  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      const pauseMs = await this.#converge(signal);
      await this.#wakeup.wait(pauseMs, { signal });
    }
  }

  /** One attempt at what is due; returns how long nothing is to be done then. */
  async #converge(signal: AbortSignal): Promise<number> {
    const names = this.#deps.wantedNames();
    if (names === undefined) return NAMES_LOOK_MS;
    const nowMs = this.#deps.clock.nowMs();
    const plan = planRotation(this.#current?.facts, names, nowMs);
    if (plan.kind === 'keep') return Math.min(plan.untilMs - nowMs, CLOCK_LOOK_MS);
    try {
      return await this.#request(plan.reason, names, signal);
    } catch (error) {
      if (signal.aborted) return 0;
      renewErrors[this.#kind.name].inc();
      this.#trouble(errorMessage(error));
      return this.#failures.nextMs();
    }
  }

  async #request(reason: RotationReason, names: SubjectAltNames, signal: AbortSignal): Promise<number> {
    const { store, nodeName, logger, clock } = this.#deps;
    const key = await store.ensurePendingKey();
    const subject = { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] };
    const request = { ...this.#kind, subject, names, key };
    const isFirstTry = this.#lastTrouble === '';
    const limits = { signal, timeoutMs: isFirstTry ? FIRST_ANSWER_TIMEOUT_MS : ANSWER_TIMEOUT_MS };
    if (isFirstTry) this.#log('asking for a certificate', { reason });
    const outcome = await this.#deps.withClient(
      reason,
      async client => await requestCertificate({ client, logger }, request, limits),
    );
    switch (outcome.kind) {
      case 'issued':
        this.#adopt(await store.replace(outcome.certificate, key, clock.nowMs()));
        this.#failures.reset();
        this.#log('certificate issued', {
          expires: new Date(this.#current?.facts.notAfterMs ?? 0).toISOString(),
        });
        return this.#judgeIssued(names);
      case 'refused':
        renewErrors[this.#kind.name].inc();
        await store.dropPendingKey(); // the same key would find the same refusal
        this.#trouble(outcome.message);
        return this.#refusals.nextMs();
      case 'waiting':
        this.#trouble(`nobody has approved it yet: kubectl certificate approve ${outcome.name}`);
        return 0;
    }
  }

  /** One that is due as soon as it is made comes of a clock that is wrong, and the next one would be no better. */
  #judgeIssued(names: SubjectAltNames): number {
    const nowMs = this.#deps.clock.nowMs();
    const plan = planRotation(this.#current?.facts, names, nowMs);
    if (plan.kind === 'request' && plan.reason !== 'names') {
      const now = new Date(nowMs).toISOString();
      this.#trouble(
        `the new certificate is ${plan.reason} already: is this machine's clock right? It says ${now}`,
      );
      return this.#refusals.nextMs();
    }
    this.#lastTrouble = '';
    this.#refusals.reset();
    return 0;
  }

  #adopt(pair: KeyPair | undefined): void {
    const hasChanged = pair?.certificate !== this.#current?.certificate;
    this.#current = pair;
    ttlSeconds[this.#kind.name].track(() => this.#ttlSeconds());
    if (hasChanged) this.#listeners.tell();
  }

  #ttlSeconds(): number {
    if (this.#current === undefined) return NO_CERTIFICATE_TTL;
    return Math.round((this.#current.facts.notAfterMs - this.#deps.clock.nowMs()) / 1000);
  }

  #log(message: string, fields: object): void {
    this.#deps.logger.info({ certificate: this.#kind.name, ...fields }, message);
  }

  /** Once per reason: this is tried again and again. */
  #trouble(reason: string): void {
    if (reason === this.#lastTrouble) return;
    this.#lastTrouble = reason;
    this.#deps.logger.warn({ certificate: this.#kind.name, reason }, 'no new certificate, will try again');
  }
}

/** Asked when somebody scrapes. */
function ttlGauge(name: string, kind: string): { readonly track: (read: () => number) => void } {
  let read: (() => number) | undefined;
  const gauge: Gauge = new Gauge({
    name,
    help: `Seconds until the ${kind} certificate expires; negative when it has, +Inf without one`,
    registers: [metricsRegistry],
    collect: () => gauge.set(read?.() ?? NO_CERTIFICATE_TTL),
  });
  return {
    track: next => {
      read = next;
    },
  };
}

function errorCounter(name: string, kind: string): Counter {
  return new Counter({
    name,
    help: `Attempts at a new ${kind} certificate that failed`,
    registers: [metricsRegistry],
  });
}
