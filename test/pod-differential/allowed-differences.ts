// Where nodelet may differ from the kubelet, and why. Everything else is a fault.

export interface AllowedDifference {
  /** Matches `pod: line`. */
  readonly line: RegExp;
  readonly why: string;
}

export const ALLOWED_DIFFERENCES: readonly AllowedDifference[] = [
  {
    line: /: resources\.limits\.memory: kubelet "9007199254740988Ki"/,
    why: 'no limit at all, as cgroup version 1 spells it; the kubelet takes it for a number',
  },
  {
    line: /: resources: kubelet undefined, nodelet \{\}/,
    why: 'the other half of the same: without a limit there is nothing to say',
  },
  {
    line: /: resources\.(?:limits|requests)\.\w+: kubelet (?:undefined|"2m"), nodelet "/,
    why: 'the kubelet reads them from the cgroup, which is on its way out when the pod has just ended',
  },
  {
    line: /^burstable: resources\.limits\.memory: kubelet "64Mi", nodelet undefined/,
    why: 'the kubelet sums up limits while Pending, and looks at the cgroup only with its next sync a minute later',
  },
  {
    line: /: conditions\.\d:PodReadyToStartContainers\.status: kubelet "True", nodelet "False"/,
    why: 'the kubelet may not look again after the sandbox of an ended pod has stopped',
  },
];

/** The end comes to each node in its own time, and finds a pod where it then is. */
export const ALLOWED_AFTER_DELETION: readonly AllowedDifference[] = [
  {
    line: /^(?:bad-post-start|crashing|ending|init-crashing|several): (?:missing|more) events? Normal Killing /,
    why: 'the deletion finds a crash loop now in a run, now between two',
  },
  {
    line: /^unready: (?:missing|more) events? Warning Unhealthy .*Readiness probe errored |: (?:missing|more) events? Warning Unhealthy .* probe errored .*code = Canceled /,
    why: 'the end of the pod breaks off a probe now of the one, now of the other',
  },
  {
    line: /^(?:bad-post-start|crashing|ending|init-crashing|no-command-again|several): .*restartCount: kubelet [1-3], nodelet [1-3]$/,
    why: 'a crash loop goes on until the deletion',
  },
  {
    line: /^network-probes: (?:missing|more) events? Warning Unhealthy .*Readiness probe failed: /,
    why: 'readiness is probed until the process is gone, and maybe once after',
  },
  {
    line: /: missing event Warning FailedMount pod: .*failed to fetch token: pod "[a-z-]+" not found/,
    why: 'the kubelet mounts the token of a pod once more that is gone already',
  },
  {
    line: /^no-volume: podIPs?\b/,
    why: 'the kubelet makes the sandbox when the volumes are there; nodelet makes both at once',
  },
  {
    line: /^(?:elsewhere|forbidden-sysctl): (?:conditions|hostIPs?|(?:initC|c)ontainerStatuses|resources)\b/,
    why: 'of a pod that it did not let in the kubelet tells containers that never were, in the moment in which it goes',
  },
];
