// Answers about pods out of the running agent's own state. Reads only.
import { EMPTY_MEMORY } from '../pod/memory.ts';
import type { RecentWarnings } from '../pod/recent-warnings.ts';
import type { PodWorkers } from '../pod/workers.ts';
import type { RuntimeSnapshots } from '../runtime/snapshots.ts';
import { buildExplanation } from './build-explanation.ts';
import type { PodExplanation } from './explanation.ts';
import type { ExplainInput } from './judged-step.ts';

export interface PodExplainerDeps {
  /** With the newest status, also one that is not written yet. */
  readonly pods: () => readonly ExplainInput['pod'][];
  readonly workers: Pick<PodWorkers, 'get'>;
  readonly snapshots: Pick<RuntimeSnapshots, 'get'>;
  readonly warnings: RecentWarnings;
  readonly nodeProblems: () => readonly string[];
  readonly nowMs: () => number;
}

export class PodExplainer {
  readonly #deps: PodExplainerDeps;

  constructor(deps: PodExplainerDeps) {
    this.#deps = deps;
  }

  /** Undefined when this node has no such pod. Of two with one name (one goes, the next is there) the newer. */
  explain(namespace: string, name: string): PodExplanation | undefined {
    const found = this.#deps
      .pods()
      .filter(({ metadata }) => metadata.name === name && (metadata.namespace ?? 'default') === namespace);
    const pod = found.find(({ metadata }) => metadata.deletionTimestamp === undefined) ?? found.at(-1);
    return pod && this.#explain(pod);
  }

  all(): readonly PodExplanation[] {
    return this.#deps.pods().map(pod => this.#explain(pod));
  }

  #explain(pod: ExplainInput['pod']): PodExplanation {
    const { workers, snapshots, warnings, nodeProblems, nowMs } = this.#deps;
    const uid = pod.metadata.uid ?? '';
    const worker = workers.get(uid);
    return buildExplanation({
      pod,
      observed: snapshots.get(uid),
      lifecycle: worker?.lifecycle,
      memory: worker?.memory ?? EMPTY_MEMORY,
      warnings: warnings.of(uid),
      nodeProblems: nodeProblems(),
      nowMs: nowMs(),
    });
  }
}
