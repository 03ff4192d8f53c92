// Counts what a TAP stream proves: its leaf test points. A point that merely sums up a subtest is not counted again.

export interface PointCounts {
  readonly passed: number;
  readonly failed: number;
}

const POINT = /^( *)(not ok|ok)\b(.*)$/;

/**
 * Nothing may be skipped here, so a skipped or postponed point counts as failed. A file that ended badly without a
 * failed point (it crashed, or ran out of time) counts as one failure.
 */
export function countPoints(tap: string, { hasEndedWell }: { readonly hasEndedWell: boolean }): PointCounts {
  let passed = 0;
  let failed = 0;
  let previousIndent = 0;
  let isDiagnostic = false;
  let childFailures = 0;
  for (const line of tap.split('\n')) {
    if (/^ *---$/.test(line)) isDiagnostic = true;
    if (/^ *\.\.\.$/.test(line)) isDiagnostic = false;
    const [, indent = '', verdict, rest = ''] = POINT.exec(line) ?? [];
    if (isDiagnostic || verdict === undefined) continue;
    const isSummary = indent.length < previousIndent || rest.endsWith('{');
    previousIndent = indent.length;
    const isPassed = verdict === 'ok' && !/ # (?:SKIP|TODO)\b/i.test(rest);
    if (isSummary) {
      // A subtest can fail by itself, for want of time or of its plan.
      if (!isPassed && childFailures === 0) failed += 1;
      childFailures = isPassed ? 0 : childFailures + 1;
      continue;
    }
    if (isPassed) passed += 1;
    else {
      failed += 1;
      childFailures += 1;
    }
  }
  return { passed, failed: failed === 0 && !hasEndedWell ? 1 : failed };
}
