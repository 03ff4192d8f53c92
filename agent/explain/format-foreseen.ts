import type { ForeseenChange, PresentAgent } from './foreseen.ts';

export interface ForeseenPlan {
  /** Undefined: no agent runs. */
  readonly from: PresentAgent | undefined;
  readonly version: string;
  readonly changes: readonly ForeseenChange[];
  /** What could not be looked at, and why. */
  readonly unknown: readonly string[];
}

const TITLES: Readonly<Record<ForeseenChange['kind'], string>> = {
  setting: 'settings',
  node: 'node',
  container: 'containers',
  image: 'images',
  rules: 'rules',
};

export function formatForeseen({ from, version, changes, unknown }: ForeseenPlan): string {
  const present = from ? `${from.name} ${from.version ?? ''}`.trim() : 'no agent';
  const lines = [`${present} runs now; then nodelet ${version}`, ''];
  for (const [kind, title] of Object.entries(TITLES)) {
    const own = changes.filter(change => change.kind === kind);
    if (own.length === 0) continue;
    lines.push(title);
    for (const { subject, change, why, isDisturbing } of own) {
      lines.push(`  ${isDisturbing ? '✗' : '·'} ${subject}: ${change}`, `      ${why}`);
    }
    lines.push('');
  }
  lines.push(...unknown.map(text => `not known: ${text}`), ...(unknown.length > 0 ? [''] : []));
  const disturbed = changes.filter(({ isDisturbing }) => isDisturbing).length;
  lines.push(
    disturbed === 0 ? 'No container restarts or ends.' : `Containers that restart or end: ${disturbed}`,
  );
  return `${lines.join('\n')}\n`;
}
