// Brings the Node's status to what it should be: at once when something changes, else every few minutes.
import type { ApiClient } from '../api/client.ts';
import type { Node, NodeStatus } from '../api/objects.ts';
import { nodePath, nodeStatusPath } from '../api/paths.ts';
import { Backoff } from '../lib/backoff.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { NotFoundError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { OutageLog } from '../lib/outage-log.ts';
import { Wakeup } from '../lib/wakeup.ts';
import type { NodeWatch } from './node-watch.ts';
import { planStatusPatch, type StatusPatch } from './plan-status-patch.ts';

export interface NodeStatusWriterDeps {
  readonly api: ApiClient;
  readonly nodeName: string;
  readonly reportFrequencyMs: number;
  readonly node: NodeWatch;
  /** The status the Node should have now, given what it has. */
  readonly buildStatus: (present: Node) => NodeStatus;
  /** After a write that the API server took. */
  readonly onWritten: (before: Node, status: NodeStatus) => void;
  /** After each report but the first: what is too costly to follow may be looked at again. */
  readonly onReportDue: () => void;
  readonly logger: Logger;
  readonly clock?: Clock;
}

const REQUEST_TIMEOUT_MS = 10_000;

export class NodeStatusWriter {
  readonly #deps: NodeStatusWriterDeps;
  readonly #clock: Clock;
  readonly #outage: OutageLog;
  readonly #wakeup = new Wakeup();
  readonly #backoff = new Backoff({ initialMs: 200, maxMs: 10_000, jitter: 0.5 });
  // The first pass always reports: what an earlier run or another agent wrote may be old.
  #reportAtMs = 0;
  /** What the API server did not keep of our last write, as text. */
  #rest: string | undefined;

  constructor(deps: NodeStatusWriterDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? systemClock;
    this.#outage = new OutageLog(deps.logger, 'node status update');
  }

  /** The whole status went to the API server by another way: at the creation of the Node. */
  reported(): void {
    this.#reportAtMs = this.#clock.nowMs() + this.#reportDelayMs();
  }

  /** Something the status is made of may have changed. */
  wake(): void {
    this.#wakeup.wake();
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      const delayMs = await this.#sync(signal);
      if (signal.aborted) return;
      await this.#wakeup.wait(delayMs, { signal });
    }
  }

  /** One pass; returns when the next one is due without a wake-up. */
  async #sync(signal: AbortSignal): Promise<number> {
    const nowMs = this.#clock.nowMs();
    const { node, buildStatus, onWritten, onReportDue } = this.#deps;
    const present = node.current();
    if (!present) return this.#deps.reportFrequencyMs; // not registered yet, or deleted: the watch wakes us
    const status = buildStatus(present);
    const isReportDue = nowMs >= this.#reportAtMs;
    const patch = planStatusPatch(present, status, { isReportDue });
    if (!patch || (!isReportDue && this.#isVain(patch))) return this.#reportAtMs - nowMs;
    try {
      const written = await this.#deps.api.patch<Node>(nodeStatusPath(this.#deps.nodeName), patch, {
        signal,
        timeoutMs: REQUEST_TIMEOUT_MS,
        type: 'strategic',
      });
      node.update(written);
      this.#noteRest(written, status);
      onWritten(present, status);
      if (isReportDue && this.#reportAtMs > 0) onReportDue();
      this.#outage.succeeded();
      this.#backoff.reset();
      this.reported();
      return this.#reportAtMs - this.#clock.nowMs();
    } catch (error) {
      if (signal.aborted) return 0;
      this.#outage.failed(error);
      if (error instanceof NotFoundError) await this.#lookAgain(signal);
      return this.#backoff.nextMs();
    }
  }

  // What still differs right after a write is something that the server does not keep. Asking again would never end.
  #noteRest(written: Node, status: NodeStatus): void {
    const rest = planStatusPatch(written, status, { isReportDue: false });
    const text = rest ? fixedPart(rest) : undefined;
    if (text !== undefined && text !== this.#rest) {
      this.#deps.logger.warn(
        { fields: Object.keys(rest?.status ?? {}) },
        'the API server does not keep a part of the node status',
      );
    }
    this.#rest = text;
  }

  #isVain(patch: StatusPatch): boolean {
    return this.#rest !== undefined && fixedPart(patch) === this.#rest;
  }

  // Half to one and a half periods, so that the nodes of a cluster do not report together.
  #reportDelayMs(): number {
    return this.#deps.reportFrequencyMs * (0.5 + Math.random());
  }

  // The watch usually tells; this is for a Node that vanished while the watch was away.
  async #lookAgain(signal: AbortSignal): Promise<void> {
    try {
      const options = { signal, timeoutMs: REQUEST_TIMEOUT_MS };
      this.#deps.node.update(await this.#deps.api.get<Node>(nodePath(this.#deps.nodeName), options));
    } catch {
      // Still gone, or the API server is: the failure that brought us here is logged, and we come again.
    }
  }
}

// A patch without the times that move by themselves.
function fixedPart({ status }: StatusPatch): string {
  return JSON.stringify(status, (key, value: unknown) => (key === 'lastHeartbeatTime' ? undefined : value));
}
