// How long each kind of call may take. The kubelet gives every call its runtimeRequestTimeout; looking and asking
// is cut shorter here, so that a hung runtime is known sooner.

const DEFAULT_REQUEST_TIMEOUT_MS = 120_000;
const PROBE_TIMEOUT_MS = 10_000; // Version and Status answer from memory
const LOOK_TIMEOUT_MS = 30_000; // a list waits for the disk of a busy node
// The kubelet sets none: the runtime itself gives up a pull without progress. This only reaps a call that was lost.
const UNBOUNDED_TIMEOUT_MS = 86_400_000;

export interface CallTimeouts {
  readonly probeMs: number;
  readonly lookMs: number;
  /** Everything that changes something. */
  readonly requestMs: number;
  readonly runPodSandboxMs: number;
  readonly unboundedMs: number;
}

/** The deadlines that follow from the kubelet's `runtimeRequestTimeout`. */
export function buildCallTimeouts(requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS): CallTimeouts {
  return {
    probeMs: Math.min(PROBE_TIMEOUT_MS, requestTimeoutMs),
    lookMs: Math.min(LOOK_TIMEOUT_MS, requestTimeoutMs),
    requestMs: requestTimeoutMs,
    runPodSandboxMs: 2 * requestTimeoutMs, // network set-up included; as the kubelet
    unboundedMs: UNBOUNDED_TIMEOUT_MS,
  };
}
