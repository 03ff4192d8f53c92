// One screen about the node.
import type { Blocker, PodExplanation } from './explanation.ts';

export interface BlockedPod {
  readonly pod: string;
  readonly blocker: Blocker;
}

export interface CertificateLeft {
  readonly name: string;
  readonly notAfterMs: number;
}

export interface NodeReport {
  readonly node: string;
  readonly version: string;
  readonly atMs: number;
  readonly uptimeSeconds: number;
  /** Undefined: not looked at yet. */
  readonly isReady: boolean | undefined;
  /** Why it is not Ready. */
  readonly problems: readonly string[];
  readonly podsByPhase: Readonly<Record<string, number>>;
  readonly blocked: readonly BlockedPod[];
  readonly certificates: readonly CertificateLeft[];
  /** No kubeconfig, static pods only. */
  readonly isStandalone: boolean;
  /** When the API server last took the heartbeat; undefined: never by this process. */
  readonly lastHeartbeatMs: number | undefined;
  readonly eventLoopDelayMs: number;
  readonly residentBytes: number;
  /** Chains written per address family, e.g. `IPv4`; empty without a service proxy. */
  readonly ruleChains: Readonly<Record<string, number>>;
}

export interface NodeReportInput
  extends Omit<NodeReport, 'isReady' | 'problems' | 'podsByPhase' | 'blocked'> {
  readonly problems: readonly string[] | undefined;
  readonly explanations: readonly PodExplanation[];
}

export function buildNodeReport({ explanations, problems, ...rest }: NodeReportInput): NodeReport {
  const podsByPhase: Record<string, number> = {};
  for (const { phase } of explanations) podsByPhase[phase] = (podsByPhase[phase] ?? 0) + 1;
  return {
    ...rest,
    isReady: problems && problems.length === 0,
    problems: problems ?? [],
    podsByPhase,
    blocked: explanations.flatMap(({ namespace, name, blocker }) =>
      blocker ? [{ pod: `${namespace}/${name}`, blocker }] : [],
    ),
  };
}
