import type { Timestamp } from '../../cri-proto/containerd-events.ts';

/** A protobuf timestamp as whole milliseconds since the epoch. */
export function timestampToMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + Math.floor(nanos / 1e6);
}
