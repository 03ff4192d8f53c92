// Prometheus' text form, version 0.0.4, for series that are made at the moment they are asked for.

export type MetricType = 'counter' | 'gauge';

export interface MetricFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly samples: readonly string[];
}

/** `{a="1",b="2"}`; nothing without labels. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = formatPairs(labels);
  return pairs === '' ? '' : `{${pairs}}`;
}

/** `a="1",b="2"` */
export function formatPairs(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',');
}

/** One line; `labels` as formatLabels makes them, the time in milliseconds when the sample has one of its own. */
export function formatSample(
  name: string,
  labels: string,
  value: number | bigint | string,
  atMs?: number,
): string {
  return atMs === undefined ? `${name}${labels} ${value}` : `${name}${labels} ${value} ${atMs}`;
}

/** Nanoseconds as decimal seconds, exact however many there are. */
export function formatSeconds(nanoseconds: bigint): string {
  const digits = String(nanoseconds).padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** Families without samples are left out. */
export function formatFamilies(families: readonly MetricFamily[]): string {
  const lines: string[] = [];
  for (const { name, type, help, samples } of families) {
    if (samples.length === 0) continue;
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function escapeLabel(value: string): string {
  return /["\\\n]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : value;
}
