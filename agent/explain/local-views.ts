// Everything the local commands see of the running agent.

import type { Logger } from '../lib/logger.ts';
import { TaskGroup } from '../lib/task-group.ts';
import type { ShownSetting } from './foreseen.ts';
import { runLastState } from './last-state.ts';
import { LAST_STATE_FILE, LOCAL_SOCKET } from './local-paths.ts';
import { runLocalServer } from './local-server.ts';
import { buildNodeReport, type CertificateLeft, type NodeReport } from './node-report.ts';
import { PodExplainer, type PodExplainerDeps } from './pod-explainer.ts';

export interface LocalViewsDeps extends Omit<PodExplainerDeps, 'nodeProblems' | 'nowMs'> {
  readonly nodeName: string;
  readonly version: string;
  readonly node: {
    readonly problems: readonly string[] | undefined;
    readonly lastLeaseRenewalMs: number | undefined;
  };
  readonly isStandalone: boolean;
  readonly settings: readonly ShownSetting[];
  readonly certificates: () => Promise<readonly CertificateLeft[]>;
  readonly eventLoop: { readonly recentMaxMs: number };
  /** IPv4 first, then IPv6. */
  readonly ruleFamilies: readonly { readonly rules: { readonly chainCount: number } | undefined }[];
  readonly logger: Logger;
}

export class LocalViews {
  readonly #deps: LocalViewsDeps;
  readonly #explainer: PodExplainer;

  constructor(deps: LocalViewsDeps) {
    this.#deps = deps;
    this.#explainer = new PodExplainer({
      ...deps,
      nodeProblems: () => deps.node.problems ?? [],
      nowMs: () => Date.now(),
    });
  }

  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const logger = this.#deps.logger.child({ component: 'explain' });
    const tasks = new TaskGroup({ signal });
    const answers = {
      explainPod: (namespace: string, name: string) => this.#explainer.explain(namespace, name),
      reportNode: () => this.#report(),
      settings: this.#deps.settings,
    };
    tasks.run(inner => runLocalServer(LOCAL_SOCKET, answers, { logger, signal: inner }));
    tasks.run(inner => runLastState(LAST_STATE_FILE, () => this.#explainer.all(), { logger, signal: inner }));
    await tasks.join();
  }

  async #report(): Promise<NodeReport> {
    const { nodeName, version, node, certificates, eventLoop, ruleFamilies } = this.#deps;
    const families = ['IPv4', 'IPv6'].flatMap((family, index) => {
      const chains = ruleFamilies[index]?.rules?.chainCount;
      return chains === undefined ? [] : [[family, chains] as const];
    });
    return buildNodeReport({
      node: nodeName,
      version,
      atMs: Date.now(),
      uptimeSeconds: Math.round(process.uptime()),
      problems: node.problems,
      explanations: this.#explainer.all(),
      certificates: await certificates(),
      isStandalone: this.#deps.isStandalone,
      lastHeartbeatMs: node.lastLeaseRenewalMs,
      eventLoopDelayMs: eventLoop.recentMaxMs,
      residentBytes: process.memoryUsage.rss(),
      ruleChains: Object.fromEntries(families),
    });
  }
}
