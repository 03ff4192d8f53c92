// Renews the node's lease: its own loop, deadline and retries, so that nothing else can make the node look dead.
import type { ApiClient } from '../api/client.ts';
import type { Lease } from '../api/objects.ts';
import { leasePath, leasesPath } from '../api/paths.ts';
import { isOlder } from '../api/resource-version.ts';
import { Backoff } from '../lib/backoff.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { ConflictError, NotFoundError, UnavailableError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { OutageLog } from '../lib/outage-log.ts';
import { Wakeup } from '../lib/wakeup.ts';
import { buildLease } from './build-lease.ts';

export interface LeaseDeps {
  readonly api: ApiClient;
  readonly nodeName: string;
  readonly durationSeconds: number;
  /** Undefined until the Node object is known. */
  readonly nodeUID: () => string | undefined;
  readonly logger: Logger;
  readonly clock?: Clock;
}

const NAMESPACE = 'kube-node-lease';
const RENEW_FRACTION = 0.25; // of the duration, as the kubelet: 10 s of 40 s
const JITTER_FRACTION = 0.04;
const REQUEST_TIMEOUT_MS = 10_000;

export class LeaseKeeper {
  readonly #deps: LeaseDeps;
  readonly #clock: Clock;
  readonly #outage: OutageLog;
  readonly #wakeup = new Wakeup();
  #lease: Lease | undefined;
  #lastRenewalMs: number | undefined;
  /** As the API server last took it, or has it since its store went back. */
  #known: Lease | undefined;

  constructor(deps: LeaseDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? systemClock;
    this.#outage = new OutageLog(deps.logger, 'lease renewal');
  }

  /** When the API server last took our heartbeat. */
  get lastRenewalMs(): number | undefined {
    return this.#lastRenewalMs;
  }

  /** The Node became known: a lease that waits for its owner can be made. */
  wake(): void {
    this.#wakeup.wake();
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const intervalMs = this.#deps.durationSeconds * 1000 * RENEW_FRACTION;
    const backoff = new Backoff({ initialMs: 200, maxMs: intervalMs / 2, jitter: 0.5 });
    while (!signal.aborted) {
      const isRenewed = await this.#tryRenew(signal);
      if (isRenewed) backoff.reset();
      const delayMs = isRenewed ? intervalMs * (1 + JITTER_FRACTION * Math.random()) : backoff.nextMs();
      if (signal.aborted) return;
      await this.#waitFor(delayMs, isRenewed, signal);
    }
  }

  // Only a lease that is not there yet has a reason to be woken.
  async #waitFor(delayMs: number, isRenewed: boolean, signal: AbortSignal): Promise<void> {
    const untilMs = performance.now() + delayMs; // monotonic: a clock that is set back must not stop the heartbeat
    do {
      await this.#wakeup.wait(untilMs - performance.now(), { signal });
    } while (isRenewed && !signal.aborted && performance.now() < untilMs);
  }

  async #tryRenew(signal: AbortSignal): Promise<boolean> {
    try {
      this.#lease = await this.#renew({ signal, timeoutMs: REQUEST_TIMEOUT_MS });
      this.#compare(this.#lease, { isOurs: true });
      this.#lastRenewalMs = this.#clock.nowMs();
      this.#outage.succeeded();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      // What we hold may be stale: look again next time.
      if (!(error instanceof UnavailableError)) this.#lease = undefined;
      if (!(error instanceof ConflictError || error instanceof OwnerUnknown)) this.#outage.failed(error);
      return false;
    }
  }

  #compare(lease: Lease, { isOurs }: { readonly isOurs: boolean }): void {
    const known = this.#known;
    this.#known = lease;
    if (!known || !isFromBefore(lease, known, isOurs)) return;
    const fields = { renewTime: lease.spec?.renewTime, before: known.spec?.renewTime };
    const text = "the cluster's store went back, was it restored from a backup? Everything is read anew";
    this.#deps.logger.warn(fields, text);
    this.#deps.api.storeWentBack();
  }

  async #renew(options: { readonly signal: AbortSignal; readonly timeoutMs: number }): Promise<Lease> {
    const { api, nodeName, durationSeconds, nodeUID } = this.#deps;
    const build = (present: Lease | undefined): Lease =>
      buildLease(present, { nodeName, nodeUID: nodeUID(), durationSeconds, nowMs: this.#clock.nowMs() });
    const present = this.#lease ?? (await this.#find(options));
    if (present) this.#compare(present, { isOurs: false });
    if (present) return api.replace<Lease>(leasePath(NAMESPACE, nodeName), build(present), options);
    // Without owner it would outlive its Node.
    if (nodeUID() === undefined) throw new OwnerUnknown('the Node is not known yet');
    return api.create<Lease>(leasesPath(NAMESPACE), build(undefined), options);
  }

  async #find(options: {
    readonly signal: AbortSignal;
    readonly timeoutMs: number;
  }): Promise<Lease | undefined> {
    try {
      return await this.#deps.api.get<Lease>(leasePath(NAMESPACE, this.#deps.nodeName), options);
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }
}

// A write's resourceVersion is the store's newest, unless it has caught up already. The time of the last renewal, which
// nobody but us writes, tells it even then; in our own write it may be earlier because our clock was set back.
function isFromBefore(lease: Lease, known: Lease, isOurs: boolean): boolean {
  const [version = '', knownVersion = ''] = [lease, known].map(({ metadata }) => metadata.resourceVersion);
  if (isOlder(version, knownVersion)) return true;
  const [at = '', knownAt = ''] = [lease, known].map(({ spec }) => spec?.renewTime);
  return !isOurs && lease.metadata.uid === known.metadata.uid && at < knownAt;
}

class OwnerUnknown extends Error {}
