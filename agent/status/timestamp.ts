/** RFC 3339 in UTC with whole seconds, as metav1.Time is written. */
export function formatTime(timeMs: number): string {
  return `${new Date(Math.floor(timeMs / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}
