import type { ContainerStatus, Pod } from '../api/objects.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { waitAborted } from '../lib/abort.ts';
import type { Clock } from '../lib/clock.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';
import type { ObservedContainer, ObservedPod } from '../runtime/observed-pod.ts';
import { ContainerProbes, type ContainerVerdicts, type ProbedInstance } from './container-probes.ts';
import { ProbeLoop } from './probe-loop.ts';
import { ProbeMetrics } from './probe-metrics.ts';
import { buildContainerSpecs, type ContainerSpecs, PROBE_TITLES, type ProbeSpec } from './probe-spec.ts';
import type { ProbeVerdict } from './probe-state.ts';
import { runProbe } from './run-probe.ts';

// Consecutive multiples of it, modulo 1, lie evenly between each other: probes of an agent that starts on a full node
// are spread better than by chance.
const GOLDEN_RATIO = 0.618_033_988_749_895;

const MONOTONIC: Clock = { nowMs: () => performance.now() };

export interface ProbeManagerDeps {
  readonly runtime: RuntimeService;
  /** Wall-clock time, by which the runtime says when a container started. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: (
    pod: Pod,
    containerName: string,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ) => void;
  /** Of containers that started before it, what the API says holds until a probe says otherwise. */
  readonly startedAtMs: number;
}

export interface ProbeContext {
  readonly podIPs: readonly string[];
  readonly isTerminating: boolean;
}

interface ProbedPod {
  pod: Pod;
  observed: ObservedPod | undefined;
  podIP: string;
  isTerminating: boolean;
  readonly containers: ReadonlyMap<string, ContainerProbes>;
  readonly metrics: readonly ProbeMetrics[];
}

/** Probes what runs and keeps what came of it, per container instance. */
export class ProbeManager {
  readonly #deps: ProbeManagerDeps;
  readonly #pods = new Map<string, ProbedPod>();
  readonly #runs = new Set<Promise<void>>();
  readonly #failure = Promise.withResolvers<never>();
  readonly #listeners = new Listeners<[podUID: string]>();
  #spreads = 0;
  #isStopped = false;

  constructor(deps: ProbeManagerDeps) {
    this.#deps = deps;
    this.#failure.promise.catch(() => undefined); // run() hands it on; before that nobody listens
  }

  /** Called, in the turn of the change, when a verdict changes outside of `sync`. */
  onChange(listener: (podUID: string) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Level-triggered: makes the probe loops match what runs. Cheap when nothing changed. */
  sync(pod: Pod, observed: ObservedPod, { podIPs, isTerminating }: ProbeContext): void {
    const known = this.#pods.get(observed.podUID) ?? this.#add(pod, observed.podUID);
    if (!known || this.#isStopped) return;
    const podIP = podIPs[0] ?? known.podIP;
    const isEnding = isTerminating || pod.metadata.deletionTimestamp !== undefined;
    const isSame = known.observed === observed && known.podIP === podIP && known.isTerminating === isEnding;
    known.pod = pod;
    if (isSame) return;
    Object.assign(known, { observed, podIP, isTerminating: isEnding });
    for (const probes of known.containers.values()) this.#syncContainer(known, probes, observed);
  }

  /** Of a container the manager has not seen yet: upstream's initial values. Sync first: an unknown pod has no probes. */
  verdicts(podUID: string, containerName: string, containerId: string): ContainerVerdicts {
    return this.#pods.get(podUID)?.containers.get(containerName)?.verdicts(containerId) ?? {};
  }

  remove(podUID: string): void {
    const known = this.#pods.get(podUID);
    if (!known) return;
    this.#pods.delete(podUID);
    for (const probes of known.containers.values()) probes.rest();
    for (const metrics of known.metrics) metrics.remove();
  }

  /** Until the signal aborts; then all probing stops and the verdicts stay. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await Promise.race([waitAborted(signal), this.#failure.promise]);
    } finally {
      this.#isStopped = true;
      for (const { containers } of this.#pods.values()) {
        for (const probes of containers.values()) probes.rest();
      }
      await Promise.allSettled(this.#runs);
    }
  }

  #add(pod: Pod, podUID: string): ProbedPod | undefined {
    const specs = buildContainerSpecs(pod);
    if (specs.length === 0) return undefined;
    const metrics: ProbeMetrics[] = [];
    const containers = new Map<string, ContainerProbes>();
    const known: ProbedPod = {
      pod,
      observed: undefined,
      podIP: '',
      isTerminating: false,
      containers,
      metrics,
    };
    for (const each of specs) containers.set(each.container.name, this.#build(known, podUID, each, metrics));
    this.#pods.set(podUID, known);
    return known;
  }

  #build(known: ProbedPod, podUID: string, specs: ContainerSpecs, metrics: ProbeMetrics[]): ContainerProbes {
    const { container } = specs;
    const { runtime, logger } = this.#deps;
    const buildLoop = (spec: ProbeSpec): ProbeLoop => {
      const loopMetrics = new ProbeMetrics({
        probe_type: PROBE_TITLES[spec.type],
        container: container.name,
        pod: known.pod.metadata.name,
        namespace: known.pod.metadata.namespace ?? 'default',
        pod_uid: podUID,
      });
      metrics.push(loopMetrics);
      return new ProbeLoop(spec, {
        clock: MONOTONIC,
        logger: logger.child({ podUID, container: container.name }),
        metrics: loopMetrics,
        run: async signal => {
          const { podIP } = known;
          const containerId = probes.containerId ?? '';
          return await runProbe(spec, { runtime, podUID, podIP, container, containerId }, { signal });
        },
        emit: (reason, message) => this.#deps.emit(known.pod, container.name, 'Warning', reason, message),
        onVerdict: verdict => this.#onVerdict(podUID, probes, spec, verdict),
        own: run => this.#own(run),
      });
    };
    const { startup, liveness, readiness } = specs;
    const probes: ContainerProbes = new ContainerProbes(
      container,
      {
        ...(startup && { startup: buildLoop(startup) }),
        ...(liveness && { liveness: buildLoop(liveness) }),
        ...(readiness && { readiness: buildLoop(readiness) }),
      },
      () => this.#nextSpread(),
    );
    return probes;
  }

  #syncContainer(known: ProbedPod, probes: ContainerProbes, observed: ObservedPod): void {
    const newest = observed.containers.find(({ name }) => name === probes.container.name);
    if (newest?.state !== 'running') return probes.rest();
    if (known.podIP === '') return; // a sandbox without an address has no running containers for long
    probes.follow(this.#instanceOf(known.pod, newest));
    if (known.isTerminating) probes.end();
  }

  #instanceOf({ status }: Pod, { id, name, startedAtMs, createdAtMs }: ObservedContainer): ProbedInstance {
    const { clock, startedAtMs: agentStartedAtMs } = this.#deps;
    const wallStartedAtMs = startedAtMs ?? createdAtMs;
    const ageMs = Math.max(0, clock.nowMs() - wallStartedAtMs);
    const told = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].find(
      candidate => candidate.name === name && isSameContainer(candidate, id),
    );
    return {
      id,
      startedAtMs: MONOTONIC.nowMs() - ageMs,
      before:
        wallStartedAtMs < agentStartedAtMs
          ? { isStarted: told?.started ?? false, isReady: told?.ready ?? false }
          : undefined,
    };
  }

  #onVerdict(podUID: string, probes: ContainerProbes, { type }: ProbeSpec, verdict: ProbeVerdict): void {
    if (type === 'startup' && verdict === 'success') probes.onStarted(MONOTONIC.nowMs());
    this.#listeners.tell(podUID);
  }

  #own(run: Promise<void>): void {
    const settled = run.catch((error: unknown) => this.#failure.reject(error));
    this.#runs.add(settled);
    void settled.finally(() => this.#runs.delete(settled));
  }

  #nextSpread(): number {
    this.#spreads += 1;
    return (this.#spreads * GOLDEN_RATIO) % 1;
  }
}

function isSameContainer({ containerID }: ContainerStatus, id: string): boolean {
  return containerID?.endsWith(`//${id}`) ?? false;
}
