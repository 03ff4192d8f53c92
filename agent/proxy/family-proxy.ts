// Keeps the rules of one address family: writes what changed, all of it when in doubt, and notices when somebody else
// touched them.
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { type IptablesBackend, readIptablesVersion, restoreRules } from '../host/iptables.ts';
import { readRulesGeneration } from '../host/iptables-generation.ts';
import { readTables } from '../host/iptables-tables.ts';
import { Backoff } from '../lib/backoff.ts';
import { NotFoundError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { Wakeup } from '../lib/wakeup.ts';
import { BiteWriter } from './bite-writer.ts';
import type { FamilyProgress } from './build-proxy-health.ts';
import { buildRestoreInput } from './build-restore-input.ts';
import type { DesiredServices, ServiceChanges, ServiceKey } from './desired-services.ts';
import { FamilyRules, missingJumps } from './family-rules.ts';
import { planBites } from './plan-bites.ts';
import type { ChainId, RuleContext, RulesetChange } from './ruleset.ts';
import type { Family } from './service-port.ts';
import { FAMILY_LABEL, SyncMetrics } from './sync-metrics.ts';

// A rolling update comes as a handful of events within milliseconds; more waiting would only be latency.
const COALESCE_MS = 3;
// The slice of a new Service is a few milliseconds behind it. Rules that refuse until then would have it wait for a whole
// transaction, 50 ms with ten thousand Services.
const FIRST_ENDPOINTS_MS = 25;
// A storm of changes takes half of a core at most; a handful in a row does not wait.
const BUSY_SHARE = 0.5;
const MAX_CREDIT_MS = 500;
const MAX_REST_MS = 1_000;
const LOOK_EVERY_MS = 700; // legacy tables tell nobody, and flushed rules are to be back within a second
const LOOK_IN_CASE_MS = 30_000; // when the kernel tells of changes, as often as kube-proxy looks
const NOTHING_TO_LOOK_AT_MS = 3_600_000; // until Services come, which wakes
// Reading ten thousand Services' rules takes seconds: looking must not cost more than a tenth of the time.
const DEEP_LOOK_REST = 10;
const YIELD_AFTER_MS = 5;
const NFT_BITE_LINES = 3_000;
const RETRY = { initialMs: 250, maxMs: 10_000, jitter: 0.2 };
const MISSING_RETRY_MS = 60_000;

// Comments on endpoint rules: kube-proxy leaves them out above 1000 endpoints; the gap keeps us from flapping.
const COMMENTS_OFF_ABOVE = 1_000;
const COMMENTS_ON_BELOW = 800;

export type FamilyContext = Omit<RuleContext, 'hasEndpointComments'>;

export interface FamilyProxyDeps {
  readonly family: Family;
  readonly desired: DesiredServices;
  /** What the rules depend on besides Services, the same object while it is the same; undefined: not known yet. */
  readonly context: () => FamilyContext | undefined;
  /** Whether `wake` is called at each change of the rules, as nf_tables allows. */
  readonly isToldOfChanges: () => boolean;
  /** Somebody removed rules, maybe not only those of Services. */
  readonly onDamage: () => void;
  /** After rules were written for these Services. */
  readonly onWritten: (change: WrittenChange) => Promise<void>;
  readonly logger: Logger;
}

export interface WrittenChange {
  readonly family: Family;
  readonly services: ReadonlySet<ServiceKey>;
}

export class FamilyProxy {
  readonly #deps: FamilyProxyDeps;
  readonly #logger: Logger;
  readonly #wakeup = new Wakeup();
  readonly #changes: ServiceChanges;
  readonly #metrics: SyncMetrics;
  readonly #backoff = new Backoff(RETRY);
  #backend: IptablesBackend | undefined;
  /** undefined: what is in the kernel is not known, the next pass writes everything. */
  #rules: FamilyRules | undefined;
  #context: FamilyContext | undefined;
  /** Changed and not handed to `onWritten` yet: a write that fails must not forget a Service that is gone. */
  readonly #owed = new Set<ServiceKey>();
  #generation: string | undefined;
  #deepLookAtMs = 0;
  #owesDeepLook = false;
  #creditMs = MAX_CREDIT_MS;
  #creditAtMs = 0;
  #hasEndpointComments = true;
  #isInUse: boolean;
  #updatedAtMs: number | undefined;
  #pendingSinceMs: number | undefined;
  #hasLookedForLeftovers = false;

  constructor(deps: FamilyProxyDeps) {
    this.#deps = deps;
    this.#logger = deps.logger.child({ ipFamily: FAMILY_LABEL[deps.family] });
    this.#metrics = new SyncMetrics(deps.family);
    this.#isInUse = deps.family === 4;
    this.#changes = deps.desired.follow(() => {
      this.#pendingSinceMs ??= Date.now();
      this.#metrics.queued();
      this.#wakeup.wake();
    });
  }

  /** The rules as they were written last, for those who explain them. */
  get rules(): FamilyRules | undefined {
    return this.#rules;
  }

  /** undefined: there are no rules of this family yet, or never. */
  get progress(): FamilyProgress | undefined {
    const updatedAtMs = this.#updatedAtMs;
    if (updatedAtMs === undefined) return undefined;
    return { family: this.#deps.family, updatedAtMs, pendingSinceMs: this.#pendingSinceMs };
  }

  wake(): void {
    this.#wakeup.wake();
  }

  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    let delayMs = LOOK_EVERY_MS;
    while (!signal.aborted) {
      await this.#wakeup.wait(delayMs, { signal });
      if (this.#changes.isPending) await this.#gather(signal);
      if (signal.aborted) return;
      delayMs = await this.#attempt(signal);
    }
  }

  async #gather(signal: AbortSignal): Promise<void> {
    if (this.#areAllNew()) await this.#wakeup.wait(FIRST_ENDPOINTS_MS, { signal });
    if (!this.#areAllNew()) await sleep(COALESCE_MS, { signal });
  }

  /** Services without rules and without endpoints so far, and nothing else. */
  #areAllNew(): boolean {
    const { desired } = this.#deps;
    const isNew = (key: ServiceKey): boolean =>
      desired.awaitsEndpoints(key) && this.#rules?.states(key).length === 0;
    return [...this.#changes.pending].every(isNew);
  }

  /** Milliseconds until the next look. */
  async #attempt(signal: AbortSignal): Promise<number> {
    try {
      await this.#pass(signal);
      if (this.#backoff.failures > 0) this.#logger.info('Service rules can be written again');
      this.#backoff.reset();
      if (!this.#changes.isPending) this.#pendingSinceMs = undefined;
      return this.#nextLookMs();
    } catch (error) {
      if (signal.aborted) return 0;
      this.#rules = undefined;
      this.#metrics.failed();
      const isFirst = this.#backoff.failures === 0;
      const isMissing = error instanceof NotFoundError;
      if (isFirst) {
        const advice = isMissing ? 'install iptables: Services do not work on this node' : 'trying again';
        this.#logger.warn({ err: error }, `Service rules not written, ${advice}`);
      }
      const pauseMs = this.#backoff.nextMs();
      await sleep(isMissing ? MISSING_RETRY_MS : pauseMs, { signal });
      return 0;
    }
  }

  #nextLookMs(): number {
    if (!this.#rules) return NOTHING_TO_LOOK_AT_MS;
    if (this.#owesDeepLook) return Math.max(1, this.#deepLookAtMs - performance.now());
    return this.#backend === 'nft' && this.#deps.isToldOfChanges() ? LOOK_IN_CASE_MS : LOOK_EVERY_MS;
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { desired, family } = this.#deps;
    const base = this.#deps.context();
    if (!desired.isComplete || !base) return;
    if (!this.#isInUse && !(await this.#findUse(signal))) return;
    this.#backend ??= (await readIptablesVersion(family, { signal })).backend;
    const startedMs = performance.now();
    const hasEndpointComments = this.#decideComments();
    const isKnown =
      this.#context === base && this.#rules?.context.hasEndpointComments === hasEndpointComments;
    const isPartial = isKnown && !(await this.#isDamaged(signal));
    if (isPartial) {
      if (!(await this.#writeChanges(signal))) return;
    } else {
      await this.#writeAll({ ...base, hasEndpointComments }, signal);
      this.#context = base;
    }
    const durationMs = performance.now() - startedMs;
    this.#metrics.synced(isPartial ? 'partial' : 'full', durationMs);
    this.#updatedAtMs = Date.now();
    await this.#rest(durationMs, signal);
  }

  /** A cluster without IPv6 Services has no IPv6 rules, unless an earlier run left some. */
  async #findUse(signal: AbortSignal): Promise<boolean> {
    const { desired, family } = this.#deps;
    this.#isInUse = [...this.#changes.take()].some(key => desired.portStates(key, family).length > 0);
    if (this.#isInUse || this.#hasLookedForLeftovers) return this.#isInUse;
    this.#hasLookedForLeftovers = true;
    try {
      this.#isInUse = (await readTables(family, { signal })).get('nat')?.chains.has('KUBE-SERVICES') ?? false;
    } catch (error) {
      this.#logger.debug({ err: error }, 'no leftovers to look for');
    }
    return this.#isInUse;
  }

  // ---- Writing

  /** False when there was nothing to write. */
  async #writeChanges(signal: AbortSignal): Promise<boolean> {
    const rules = this.#rules;
    const changed = this.#takeChanges();
    if (!rules || changed.size === 0) return false;
    const change = new Map<ChainId, readonly string[] | undefined>();
    for await (const chains of this.#replaceAll(rules, changed))
      for (const [id, content] of chains) change.set(id, content);
    for (const [id, content] of rules.finish()) change.set(id, content);
    await this.#restore(change, signal);
    this.#logger.debug({ services: changed.size, chains: change.size }, 'Service rules changed');
    await this.#tellWritten();
    return change.size > 0;
  }

  #takeChanges(): ReadonlySet<ServiceKey> {
    const changed = this.#changes.take();
    for (const key of changed) this.#owed.add(key);
    return changed;
  }

  async #tellWritten(): Promise<void> {
    const { desired, family, onWritten } = this.#deps;
    this.#metrics.programmed([...this.#owed].flatMap(key => desired.takeTriggers(key, family)));
    await onWritten({ family, services: this.#owed });
    this.#owed.clear();
  }

  async #writeAll(context: RuleContext, signal: AbortSignal): Promise<void> {
    const { family, desired } = this.#deps;
    const startedMs = performance.now();
    const observed = await readTables(family, { signal });
    this.#takeChanges();
    const rules = new FamilyRules(context);
    this.#rules = undefined;
    const keys = desired.keys();
    for (const key of keys) this.#owed.add(key);
    const writer = new BiteWriter({ family, maxLines: this.#biteLines, signal });
    await writer.add(rules.start());
    for await (const chains of this.#replaceAll(rules, keys)) await writer.add(chains);
    await writer.add(rules.finish());
    for (const bite of planBites(rules.staleChains(observed), this.#biteLines)) await writer.add(bite);
    await writer.finish(missingJumps(observed));
    this.#generation = this.#readGeneration();
    this.#rules = rules;
    await this.#tellWritten();
    const durationMs = Math.round(performance.now() - startedMs);
    this.#logger.info(
      { services: keys.length, chains: rules.chainCount, durationMs },
      'Service rules written',
    );
  }

  /** Gives way to the event loop now and then: ten thousand Services take a good part of a second. */
  async *#replaceAll(rules: FamilyRules, keys: Iterable<ServiceKey>): AsyncGenerator<RulesetChange> {
    const { desired, family } = this.#deps;
    let sinceMs = performance.now();
    for (const key of keys) {
      const next = desired.portStates(key, family);
      yield rules.replace(key, next);
      if (performance.now() - sinceMs < YIELD_AFTER_MS) continue;
      await yieldToEventLoop();
      sinceMs = performance.now();
    }
  }

  async #restore(change: RulesetChange, signal: AbortSignal): Promise<void> {
    const { family } = this.#deps;
    const bites = planBites(change, this.#biteLines);
    for (const bite of bites) await restoreRules({ family, input: buildRestoreInput(bite), signal });
    if (bites.length > 0) this.#generation = this.#readGeneration();
  }

  get #biteLines(): number {
    return this.#backend === 'nft' ? NFT_BITE_LINES : Number.POSITIVE_INFINITY;
  }

  #decideComments(): boolean {
    const { desired, family } = this.#deps;
    const most = this.#hasEndpointComments ? COMMENTS_OFF_ABOVE : COMMENTS_ON_BELOW;
    this.#hasEndpointComments = desired.endpointCount(family) <= most;
    return this.#hasEndpointComments;
  }

  /** Half of the time is for others, but a few changes that come together are written at once. */
  async #rest(durationMs: number, signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    const earnedMs = (nowMs - this.#creditAtMs) * BUSY_SHARE;
    this.#creditMs = Math.min(MAX_CREDIT_MS, this.#creditMs + earnedMs) - durationMs;
    this.#creditAtMs = nowMs;
    if (this.#creditMs < 0) await sleep(Math.min(-this.#creditMs / BUSY_SHARE, MAX_REST_MS), { signal });
  }

  // ---- Looking after them

  async #isDamaged(signal: AbortSignal): Promise<boolean> {
    const generation = this.#readGeneration();
    const isForeign = generation !== this.#generation;
    this.#owesDeepLook = isForeign && performance.now() < this.#deepLookAtMs;
    if (!isForeign || this.#owesDeepLook) return false;
    const startedMs = performance.now();
    const observed = await readTables(this.#deps.family, { signal });
    const damage = this.#rules?.findDamage(observed);
    this.#deepLookAtMs = performance.now() + (performance.now() - startedMs) * DEEP_LOOK_REST;
    this.#generation = generation;
    if (damage === undefined) return false;
    this.#metrics.repaired();
    this.#logger.warn({ damage }, 'somebody removed Service rules, putting them back');
    this.#deps.onDamage();
    return true;
  }

  #readGeneration(): string {
    return this.#backend === undefined ? '' : readRulesGeneration(this.#deps.family, this.#backend);
  }
}
