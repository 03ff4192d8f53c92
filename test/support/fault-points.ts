// Where a test can stop, spoil or slow down a call that passes through a proxy.

import { setTimeout as delay } from 'node:timers/promises';
import type { Forward, ProxiedAnswer, ProxiedCall } from './http2-proxy.ts';

export type Matcher<Call> = (call: Call) => boolean;

/** One place where a call is awaited. */
export interface FaultPoint<Call> {
  /** Resolves with the call that has come there. */
  readonly reached: Promise<Call>;
  /** Lets it go on; also before it comes. */
  release(): void;
}

interface Rule<Call> {
  readonly isMatch: Matcher<Call>;
  /** How many calls it is good for. */
  uses: number;
  readonly act: (call: Call, forward: Forward) => Promise<ProxiedAnswer>;
}

export class FaultPoints<Call extends ProxiedCall> {
  #rules: Rule<Call>[] = [];

  /** The next such call waits before the server has seen it. */
  before(isMatch: Matcher<Call>): FaultPoint<Call> {
    return this.#hold(isMatch, async (call, forward, wait) => {
      await wait(call);
      return await forward();
    });
  }

  /** The next such call is carried out; its answer waits. */
  after(isMatch: Matcher<Call>): FaultPoint<Call> {
    return this.#hold(isMatch, async (call, forward, wait) => {
      const answer = await forward();
      await wait(call);
      return answer;
    });
  }

  /** Tells of the next such call while the server works on it; nothing waits. */
  during(isMatch: Matcher<Call>): FaultPoint<Call> {
    const point = this.#hold(isMatch, async (call, forward, wait) => {
      const answer = forward();
      await wait(call);
      return await answer;
    });
    point.release();
    return point;
  }

  /** Every such call waits `delayMs` before the server sees it. */
  delay(isMatch: Matcher<Call>, delayMs: number): void {
    this.#add(isMatch, Infinity, async (call, forward) => {
      await delay(delayMs, undefined, { signal: call.signal });
      return await forward();
    });
  }

  /** The next `times` such calls are answered without the server. */
  answer(isMatch: Matcher<Call>, answer: ProxiedAnswer, times: number): void {
    this.#add(isMatch, times, async () => answer);
  }

  /** The next `times` such calls ask the server for something else. */
  redirect(isMatch: Matcher<Call>, path: (call: Call) => string, times: number): void {
    this.#add(isMatch, times, async (call, forward) => await forward({ path: path(call) }));
  }

  /** Forgets all rules; calls that wait stay where they are until released. */
  clear(): void {
    this.#rules = [];
  }

  async run(call: Call, forward: Forward): Promise<ProxiedAnswer> {
    const rule = this.#rules.find(({ uses, isMatch }) => uses > 0 && isMatch(call));
    if (!rule) return await forward();
    rule.uses -= 1;
    return await rule.act(call, forward);
  }

  #add(isMatch: Matcher<Call>, uses: number, act: Rule<Call>['act']): void {
    this.#rules.push({ isMatch, uses, act });
  }

  #hold(
    isMatch: Matcher<Call>,
    act: (call: Call, forward: Forward, wait: (call: Call) => Promise<void>) => Promise<ProxiedAnswer>,
  ): FaultPoint<Call> {
    const reached = Promise.withResolvers<Call>();
    const released = Promise.withResolvers<void>();
    const wait = async (call: Call): Promise<void> => {
      reached.resolve(call);
      await Promise.race([released.promise, untilAborted(call.signal)]);
      call.signal.throwIfAborted();
    };
    this.#add(isMatch, 1, (call, forward) => act(call, forward, wait));
    return { reached: reached.promise, release: () => released.resolve() };
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
