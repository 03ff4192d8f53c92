const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  '\u00b5s': 1e-3, // micro sign and Greek mu, both as Go reads them
  '\u03bcs': 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Reads Go's duration text (`1m30s`, `1.5h`, `0`) as milliseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const parts = /^([+-]?)((?:\d+(?:\.\d*)?(?:ns|us|[\u00b5\u03bc]s|ms|s|m|h))+)$/.exec(text);
  if (!parts) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of (parts[2] ?? '').matchAll(
    /(\d+(?:\.\d*)?)(ns|us|[\u00b5\u03bc]s|ms|s|m|h)/g,
  )) {
    totalMs += Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  }
  return parts[1] === '-' ? -totalMs : totalMs;
}

/** Writes milliseconds as Go prints a duration: `10s`, `1m20s`, `5m0s`, `250ms`, `1.5s`, `0s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 0) return `-${formatDuration(-durationMs)}`;
  if (durationMs === 0) return '0s';
  if (durationMs < 1000) return `${trimNumber(durationMs)}ms`;
  const hours = Math.floor(durationMs / 3_600_000);
  const minutes = Math.floor((durationMs % 3_600_000) / 60_000);
  const seconds = `${trimNumber((durationMs % 60_000) / 1000)}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

function trimNumber(value: number): string {
  return String(Number(value.toFixed(6)));
}
