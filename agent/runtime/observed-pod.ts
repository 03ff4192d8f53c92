// What the runtime says about one pod. Built from CRI lists and statuses; nothing in here is remembered elsewhere,
// so an agent that starts fresh sees the same.

/** `startAborted`: the runtime gave up the start because its caller had gone; no process of it has run. */
export type ObservedContainerState = 'created' | 'running' | 'exited' | 'startAborted' | 'unknown';

export interface ObservedContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  /** CRI metadata.attempt: the restart count this instance was created with. */
  readonly attempt: number;
  readonly state: ObservedContainerState;
  readonly createdAtMs: number;
  readonly startedAtMs: number | undefined;
  readonly finishedAtMs: number | undefined;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  /** Annotation io.kubernetes.container.hash, hex. */
  readonly hash: string;
  readonly restartCount: number;
  /** First repository tag as the runtime names it. */
  readonly image: string;
  /** CRI image_ref, e.g. a repository digest. */
  readonly imageRef: string;
  readonly logPath: string;
  /** Grace the instance was created with, for pods whose object is gone (annotation io.kubernetes.pod.terminationGracePeriod). */
  readonly terminationGracePeriodSeconds: number | undefined;
  readonly terminationMessagePolicy: string;
  /** What its first process runs as; undefined where the runtime does not tell (containerd before 2.0). */
  readonly user: ObservedUser | undefined;
  /** The file on the host behind the container's terminationMessagePath. */
  readonly terminationMessageHostPath: string | undefined;
}

export interface ObservedUser {
  readonly uid: number;
  readonly gid: number;
  readonly supplementalGroups: readonly number[];
}

export interface ObservedSandbox {
  readonly id: string;
  readonly attempt: number;
  readonly isReady: boolean;
  readonly createdAtMs: number;
  /** Primary address first; empty for host-network pods and dead sandboxes. */
  readonly podIPs: readonly string[];
  readonly isHostNetwork: boolean;
  readonly runtimeHandler: string;
}

export interface ObservedPod {
  readonly podUID: string;
  readonly name: string;
  readonly namespace: string;
  /** Made for a pod of the node's own files or URL. */
  readonly isStatic: boolean;
  /** When the agent that made its newest sandbox had first seen what it asks for (annotation kubernetes.io/config.seen). */
  readonly configSeenAtMs?: number | undefined;
  /** Newest attempt first. */
  readonly sandboxes: readonly ObservedSandbox[];
  /** Newest instance first, over all names and sandboxes. */
  readonly containers: readonly ObservedContainer[];
}

export function emptyObservedPod(podUID: string, namespace: string, name: string): ObservedPod {
  return { podUID, namespace, name, isStatic: false, sandboxes: [], containers: [] };
}

/** The newest instance of a container name, whatever its sandbox. */
export function newestInstance(observed: ObservedPod, name: string): ObservedContainer | undefined {
  return observed.containers.find(container => container.name === name);
}

/** The sandbox the pod lives in now, if it is usable. */
export function readySandbox(observed: ObservedPod): ObservedSandbox | undefined {
  const newest = observed.sandboxes[0];
  return newest?.isReady ? newest : undefined;
}

/** True when nothing of the pod runs or holds a network any more. */
export function isFullyStopped(observed: ObservedPod): boolean {
  return (
    observed.sandboxes.every(sandbox => !sandbox.isReady) &&
    observed.containers.every(({ state }) => state !== 'running' && state !== 'unknown')
  );
}
