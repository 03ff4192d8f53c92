// The part of hack/test that is Kubernetes' own: some of the conformance specs nodelet is known to pass.
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECKOUT } from '../sandbox/paths.ts';
import { run } from '../sandbox/run.ts';

const PASSING = join(CHECKOUT, 'test/conformance/passing.txt');
/** Of the specs alone, as far as their usual times foretell; the whole of hack/test is to stay near ten. */
const MINUTES = 1;
// Beside the lanes of hack/test.
const PROCS = '2';
// More than a few failures are no accident.
const MAX_SECOND_TRIES = 5;

export interface ConformanceOutcome {
  readonly passed: number;
  /** Names of the specs that failed twice, or what kept the suite from running. */
  readonly failures: readonly string[];
  /** Names of those that passed only by themselves. */
  readonly secondTries: readonly string[];
  readonly logPath: string;
}

/** Specs of all groups, as many as fit; those that fail are run once more by themselves, and that result counts. */
export async function runConformance(
  logDirectory: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<ConformanceOutcome> {
  const logPath = join(logDirectory, 'conformance.log');
  const first = await runSpecs(
    ['--list', PASSING, '--minutes', String(MINUTES), '--procs', PROCS],
    logPath,
    signal,
  );
  const { failed } = first;
  if (failed.length === 0 || failed.length > MAX_SECOND_TRIES || signal.aborted)
    return { passed: first.passed, failures: failed, secondTries: [], logPath };
  const list = join(logDirectory, 'conformance-again.txt');
  await writeFile(list, failed.map(name => `0 ${name}\n`).join(''));
  const second = await runSpecs(['--list', list, '--procs', '1'], logPath, signal);
  return {
    passed: first.passed + second.passed,
    failures: second.failed,
    secondTries: failed.filter(name => !second.failed.includes(name)),
    logPath,
  };
}

async function runSpecs(
  selection: readonly string[],
  logPath: string,
  signal: AbortSignal,
): Promise<{ readonly passed: number; readonly failed: readonly string[] }> {
  const program = join(CHECKOUT, 'hack/conformance.ts');
  // At most 12 characters, and a name that no other run of this command has.
  const args = [program, '--agent', 'nodelet', '--name', `cnf-${process.pid}`, ...selection];
  const { exitCode, stdout, stderr } = await run(process.execPath, args, { cwd: CHECKOUT, signal });
  await appendFile(logPath, stdout + stderr);
  return parseReport(stdout, exitCode);
}

/** What hack/conformance ends with: the line for all specs, and one for each that did not pass. */
export function parseReport(
  report: string,
  exitCode: number,
): { readonly passed: number; readonly failed: readonly string[] } {
  const failed = [...report.matchAll(/^(?:FAILED {2}|NOT RUN )(?<name>\[.+)$/gm)].map(
    ({ groups }) => groups?.['name'] ?? '',
  );
  const passed = Number(/^all +(?<passed>\d+) /m.exec(report)?.groups?.['passed'] ?? 0);
  if (exitCode !== 0 && failed.length === 0) return { passed, failed: ['the suite did not run'] };
  return { passed, failed };
}
