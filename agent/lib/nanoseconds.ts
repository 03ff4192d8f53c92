/** CRI nanoseconds since the epoch as whole milliseconds; 0 stays 0, "not yet". */
export function nanosecondsToMs(nanoseconds: string): number {
  // Cutting six digits off the text rounds down and never passes through a number above 2^53.
  return Number(nanoseconds.slice(0, -6));
}
