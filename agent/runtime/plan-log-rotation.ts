// What a container's logs should look like: at most `maxFiles`, all but the two newest packed.

import type { RotatedLog } from './rotated-logs.ts';

export interface LogCleanup {
  readonly remove: readonly string[];
  /** Oldest first. */
  readonly compress: readonly string[];
}

/** `rotated`: oldest first. The one written now counts as a file too. */
export function planLogCleanup(rotated: readonly RotatedLog[], maxFiles: number): LogCleanup {
  const keep = Math.max(1, maxFiles - 1);
  const kept = rotated.slice(-keep);
  return {
    remove: rotated.slice(0, -keep).map(({ path }) => path),
    // The runtime may still write into the newest.
    compress: kept.slice(0, -1).flatMap(({ path, isCompressed }) => (isCompressed ? [] : [path])),
  };
}

/**
 * `20060102-150405` in the node's time, as the kubelet's. Names are what sorts rotated logs, so one that is not behind the
 * newest is moved a second on: a burst rotates more than once a second, and a clock may be set back.
 */
export function planRotationTime(now: Date, newest: string | undefined): string {
  const wanted = formatTime(now);
  if (newest === undefined || wanted > newest) return wanted;
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)$/.exec(newest)?.map(Number) ?? [];
  if (second === undefined) return wanted;
  return formatTime(new Date(year ?? 0, (month ?? 1) - 1, day, hour, minute, second + 1));
}

function formatTime(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${day}-${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}
