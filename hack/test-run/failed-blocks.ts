/** The failed points of a TAP stream with their diagnostics; a subtest that failed for its points is left out. */
export function failedBlocks(tap: string): string {
  const kept: string[] = [];
  let isKept = false;
  let isDiagnostic = false;
  let deepestFailure = -1;
  for (const line of tap.split('\n')) {
    if (!isDiagnostic) {
      const [, indent = '', verdict] = /^( *)(not ok|ok)\b/.exec(line) ?? [];
      if (verdict !== undefined) {
        // A shallower failure right after a deeper one only sums it up.
        isKept = verdict === 'not ok' && indent.length >= deepestFailure;
        deepestFailure = verdict === 'not ok' ? indent.length : -1;
        if (isKept) kept.push(line.trimStart());
        continue;
      }
      if (/^ *#/.test(line)) isKept = false;
    }
    if (/^ *---$/.test(line)) isDiagnostic = true;
    if (isKept && isDiagnostic) kept.push(line);
    if (/^ *\.\.\.$/.test(line)) isDiagnostic = false;
  }
  return kept.join('\n');
}
