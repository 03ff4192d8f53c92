// Usage: node hack/unit-tests.ts [FILE...] - the tests that stand beside their source, each file a program of its own
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { CHECKOUT } from './sandbox/paths.ts';
import { run } from './sandbox/run.ts';
import { countPoints } from './test-run/count-points.ts';
import { failedBlocks } from './test-run/failed-blocks.ts';

// Half a minute is an age for a test without a runtime, even on a machine that is busy.
const FILE_TIMEOUT_MS = 30_000;
const QUOTED_LINES = 60;

const totals = { passed: 0, failed: 0 };
const named = process.argv.slice(2);
const queue =
  named.length > 0
    ? [...named]
    : globSync('{agent,cri-proto,cni,hack}/**/*.test.ts', { cwd: CHECKOUT }).sort();

async function runQueue(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) await runFile(file);
}

async function runFile(file: string): Promise<void> {
  const signal = AbortSignal.timeout(FILE_TIMEOUT_MS);
  let output: string;
  let hasEndedWell = false;
  try {
    const result = await run(process.execPath, [file], { cwd: CHECKOUT, signal });
    output = result.stdout + result.stderr;
    hasEndedWell = result.exitCode === 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    output = `not ok - did not end within ${FILE_TIMEOUT_MS / 1000} s\n`;
  }
  const { passed, failed } = countPoints(output, { hasEndedWell });
  // A file that tests nothing is a mistake as well.
  const complaints = passed + failed === 0 ? 1 : failed;
  totals.passed += passed;
  totals.failed += complaints;
  if (complaints === 0) return;
  console.log(`\n${file}`);
  console.log((failedBlocks(output) || output).trimEnd().split('\n').slice(0, QUOTED_LINES).join('\n'));
}

await Promise.all(Array.from({ length: availableParallelism() }, runQueue));
console.log(
  `\n# { total: ${totals.passed + totals.failed}, pass: ${totals.passed}, fail: ${totals.failed} }`,
);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
