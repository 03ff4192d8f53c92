import type { ExplainedStep, PodExplanation, StepState } from './explanation.ts';

const MARKS: Readonly<Record<StepState, string>> = { done: '✓', waiting: '·', blocked: '✗', failed: '✗' };

/** For a terminal: one line per step, then the blocker. */
export function formatExplanation(explanation: PodExplanation, nowMs: number): string {
  const { namespace, name, uid, phase, steps, blocker, source } = explanation;
  const width = Math.max(0, ...steps.map(step => step.name.length));
  const lines = [
    `pod ${namespace}/${name}  ${phase}  ${uid}`,
    ...(source === 'runtime' ? ['nodelet does not run: this is what the container runtime shows'] : []),
    '',
    ...steps.map(step => formatStep(step, width)),
    '',
  ];
  if (!blocker) return `${[...lines, 'Nothing holds it up.'].join('\n')}\n`;
  const { step, reason, message, attempts, nextTryAtMs, next } = blocker;
  const tries = [
    attempts !== undefined && `attempt ${attempts}`,
    nextTryAtMs !== undefined && formatNext(nextTryAtMs - nowMs),
  ].filter(text => text !== false);
  lines.push(`Blocked at ${step}: ${reason}`, `  ${message}`);
  if (tries.length > 0) lines.push(`  ${tries.join(', ')}`);
  if (next !== undefined) lines.push('', `Next: ${next}`);
  return `${lines.join('\n')}\n`;
}

function formatStep({ name, state, detail, tookMs }: ExplainedStep, width: number): string {
  const took = tookMs === undefined ? '' : `  (+${formatMs(tookMs)})`;
  return `  ${MARKS[state]} ${name.padEnd(width)}  ${detail}${took}`;
}

function formatNext(ms: number): string {
  return ms <= 0 ? 'next try is due' : `next try in ${formatMs(ms)}`;
}

/** Rough, for people: `250ms`, `3.2s`, `4m10s`. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}s`;
  return `${Math.floor(ms / 60_000)}m${Math.round((ms % 60_000) / 1000)}s`;
}
