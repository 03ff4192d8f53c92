// Builds a pod's status from what its worker knows and hands it to the writer.

import type { Pod, PodStatus, ResourceRequirements } from '../api/objects.ts';
import type { Clock } from '../lib/clock.ts';
import type { ContainerVerdicts } from '../probe/container-probes.ts';
import { isStaticPod } from '../resources/pod-class.ts';
import { type ObservedContainer, type ObservedPod, readySandbox } from '../runtime/observed-pod.ts';
import { buildPodStatus } from '../status/build.ts';
import type { ResizeReport, RuntimeFacts, StatusVerdict } from '../status/status-input.ts';
import type { StatusWriter } from '../status/writer.ts';
import { readTerminationMessage } from './termination-message.ts';
import { countEndedContainers, countStartedPod } from './worker-metrics.ts';

export interface PodReport {
  readonly waiting: ReadonlyMap<string, { readonly reason: string; readonly message: string }>;
  readonly verdicts: ReadonlyMap<string, ContainerVerdicts>;
  /** Why the node ended the pod on its own account. */
  readonly verdict: StatusVerdict | undefined;
  readonly resize: ResizeReport;
  readonly actuated: ReadonlyMap<string, ResourceRequirements>;
  readonly areVolumesReady: boolean;
  readonly isTerminal: boolean;
  readonly isFinished: boolean;
  /** Actions are under way that will change it again. */
  readonly isProvisional: boolean;
}

export class StatusReporter {
  readonly #writer: StatusWriter;
  readonly #mirrorOf: (pod: Pod) => Pod | undefined;
  /** Of static pods, by UID: they have a status also while the API server has no mirror to show it in. */
  readonly #staticStatuses = new Map<string, PodStatus>();
  readonly #clock: Clock;
  readonly #nodeIPs: () => readonly string[];
  readonly #runtime: () => RuntimeFacts;
  /** By pod UID, then container ID. */
  readonly #messages = new Map<string, ReadonlyMap<string, string>>();

  constructor(deps: {
    writer: StatusWriter;
    mirrorOf: (pod: Pod) => Pod | undefined;
    clock: Clock;
    nodeIPs: () => readonly string[];
    runtime: () => RuntimeFacts;
  }) {
    this.#writer = deps.writer;
    this.#mirrorOf = deps.mirrorOf;
    this.#clock = deps.clock;
    this.#nodeIPs = deps.nodeIPs;
    this.#runtime = deps.runtime;
  }

  async report(pod: Pod, observed: ObservedPod, report: PodReport): Promise<void> {
    const terminationMessages = await this.#readMessages(observed);
    const target = isStaticPod(pod) ? this.#mirrorOf(pod) : pod;
    const latest = this.#withLatest(pod, target);
    const nowMs = this.#clock.nowMs();
    const status = buildPodStatus({
      pod: latest,
      observed,
      sandbox: readySandbox(observed),
      waiting: report.waiting,
      verdicts: report.verdicts,
      verdict: report.verdict,
      resize: report.resize,
      actuated: report.actuated,
      terminationMessages,
      areVolumesReady: report.areVolumesReady,
      isTerminal: report.isTerminal,
      nodeIPs: this.#nodeIPs(),
      runtime: this.#runtime(),
      nowMs,
    });
    countStartedPod(pod, latest.status ?? {}, status, nowMs);
    countEndedContainers(latest.status ?? {}, status);
    if (isStaticPod(pod)) this.#staticStatuses.set(pod.metadata.uid ?? '', status);
    // A mirror is not deleted with its status: mirror-pods does it, when the manifest is gone.
    const isFinished = report.isFinished && target === pod;
    if (target) this.#writer.set(target, status, { ...report, isFinished });
  }

  // A static pod's own status outlives its mirror, which somebody may delete at any time.
  #withLatest(pod: Pod, target: Pod | undefined): Pod {
    if (!isStaticPod(pod)) return { ...pod, status: this.#writer.latest(pod) };
    const shown = target ? this.#writer.latest(target) : pod.status;
    const { generation } = target?.metadata ?? {};
    return {
      ...pod,
      metadata: { ...pod.metadata, ...(generation === undefined ? {} : { generation }) },
      status: this.#staticStatuses.get(pod.metadata.uid ?? '') ?? shown ?? {},
    };
  }

  /** The newest status, also one that is not written yet. */
  peek(pod: Pod): PodStatus {
    if (!isStaticPod(pod)) return this.#writer.peek(pod);
    return this.#staticStatuses.get(pod.metadata.uid ?? '') ?? pod.status ?? {};
  }

  /** The pod is over: neither its status nor its containers' last words are needed any more. */
  forget(podUID: string): void {
    this.#writer.forget(podUID);
    this.#staticStatuses.delete(podUID);
    this.#messages.delete(podUID);
  }

  // Read once per container: the file is final when the container has exited.
  async #readMessages({ podUID, containers }: ObservedPod): Promise<ReadonlyMap<string, string>> {
    const known = this.#messages.get(podUID);
    const ended = containers.filter(({ state }) => state === 'exited');
    const read = async (container: ObservedContainer): Promise<readonly [string, string]> => [
      container.id,
      known?.get(container.id) ?? (await readTerminationMessage(container)),
    ];
    const messages = new Map(await Promise.all(ended.map(read)));
    this.#messages.set(podUID, messages);
    return messages;
  }
}
