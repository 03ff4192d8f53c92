import type { Timestamp } from '../../cri-proto/containerd-events.ts';
import type { Int64 } from '../../cri-proto/runtime.v1.ts';

/** CRI nanoseconds since the epoch as whole milliseconds; 0 stays 0, "not yet". */
export function nanosecondsToMs(nanoseconds: Int64): number {
  // Cutting six digits off the text rounds down and never passes through a number above 2^53.
  return Number(nanoseconds.slice(0, -6));
}

/** A protobuf timestamp as whole milliseconds since the epoch. */
export function timestampToMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + Math.floor(nanos / 1e6);
}
