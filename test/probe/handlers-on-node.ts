// Usage: node handlers-on-node.ts CASES_JSON — runs each case's handler once, one after the other, from where the agent
// stands: the node's network and its runtime. Prints what came of them as JSON.
import { setTimeout as delay } from 'node:timers/promises';
import type { Container, LifecycleHandler, Pod, Probe } from '../../agent/api/objects.ts';
import { connectRuntime } from '../../agent/cri/connect.ts';
import { runHook } from '../../agent/pod/hooks.ts';
import { buildContainerSpecs } from '../../agent/probe/probe-spec.ts';
import { runProbe } from '../../agent/probe/run-probe.ts';

export interface HandlerCase {
  readonly name: string;
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIP: string;
  readonly probe?: Probe;
  readonly hook?: LifecycleHandler;
  /** Breaks the case off. */
  readonly abortAfterMs?: number;
}

export interface HandlerReport {
  readonly outcome: { readonly kind: string; readonly message?: string; readonly httpFallback?: string };
  readonly tookMs: number;
  readonly rssGrowthBytes: number;
}

const runtimeEndpoint = 'unix:///run/containerd/containerd.sock';
const connection = connectRuntime({ runtimeEndpoint });
const { runtime } = connection;

async function run(
  { probe, hook, ...target }: HandlerCase,
  signal: AbortSignal,
): Promise<HandlerReport['outcome']> {
  if (hook) return await runHook(hook, { ...target, runtime }, { signal });
  const probed = { ...target.container, readinessProbe: probe ?? {} };
  const [specs] = buildContainerSpecs({ ...target.pod, spec: { containers: [probed] } });
  if (!specs?.readiness) throw new Error(`case ${target.name} has nothing to run`);
  const podUID = target.pod.metadata.uid ?? '';
  return await runProbe(specs.readiness, { ...target, runtime, podUID }, { signal });
}

// The parent wrote it a moment ago.
const cases = JSON.parse(process.argv[2] ?? '[]') as HandlerCase[];
const reports: Record<string, HandlerReport> = {};
await runtime.version({ signal: AbortSignal.timeout(10_000) });
for (const each of cases) {
  const abort = new AbortController();
  if (each.abortAfterMs !== undefined) void delay(each.abortAfterMs).then(() => abort.abort());
  const rssBefore = process.memoryUsage.rss();
  const startedAtMs = performance.now();
  const outcome = await run(each, abort.signal);
  const tookMs = Math.round(performance.now() - startedAtMs);
  reports[each.name] = { outcome, tookMs, rssGrowthBytes: process.memoryUsage.rss() - rssBefore };
}
process.stdout.write(JSON.stringify(reports));
connection.close();
