// Runs every test and ends with a line that is counted from their results.
import { globSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { errorMessage } from '../agent/lib/errors.ts';
import { timedLog } from './sandbox/command.ts';
import { ensureControlPlaneBuilt } from './sandbox/control-plane-build.ts';
import { ensureGo } from './sandbox/go.ts';
import { keepLogs } from './sandbox/keep-logs.ts';
import { CHECKOUT } from './sandbox/paths.ts';
import { identifyProcess } from './sandbox/process.ts';
import { lastLines, run } from './sandbox/run.ts';
import { createSandbox, destroySandbox } from './sandbox/sandbox.ts';
import { startAgents } from './sandbox/start-agents.ts';
import { runConformance } from './test-run/conformance.ts';
import { failedBlocks } from './test-run/failed-blocks.ts';
import { removeLeftovers } from './test-run/leftovers.ts';
import { type FileOutcome, runTestFile } from './test-run/run-file.ts';

const LOG_ROOT = '/var/log/nodelet-test';
const LOG_DIRECTORY = join(LOG_ROOT, String(process.pid));
const QUOTED_LINES = 40;
const SHARED_NODES = 2;
// More than a few failures are no accident.
const MAX_SECOND_TRIES = 5;

/** These break things on purpose, one after the other, on a sandbox of their own. */
const FAULTS = 'test/faults/';
/** These share the sandbox with two nodes, one after the other; the rest makes its own world. */
const ON_SANDBOX = [
  'test/explain/',
  'test/join/',
  'test/node/',
  'test/outage/',
  'test/pod/',
  'test/probe/',
  'test/proxy/',
  'test/scale/',
  'test/server/',
  'test/walks/',
];
/** These measure or count what others would disturb: last, with nothing else running. */
const ALONE = ['test/pod/delete', 'test/probe/pods', 'test/volume/shared-config'];

interface TestOptions {
  readonly integrationOnly?: true;
}

const totals = { passed: 0, failed: 0 };
const failures: FileOutcome[] = [];
const log = timedLog();
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());

await new Command('hack/test')
  .description('runs all tests, or those whose file names contain one of the given words')
  .option('--integration-only', 'leave out format, lint, types and unit tests')
  .argument('[files...]')
  .action(async (words: readonly string[], options: TestOptions) => {
    try {
      await testAll(words, options, stopping.signal);
    } catch (error) {
      totals.failed += 1;
      log(stopping.signal.aborted ? 'interrupted' : errorMessage(error));
    }
  })
  .parseAsync();

for (const { file, logPath } of failures) log(`FAILED ${file}, all it said: ${logPath}`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
console.log(`${totals.passed} passed, ${totals.failed} failed`);

async function testAll(
  words: readonly string[],
  { integrationOnly }: TestOptions,
  signal: AbortSignal,
): Promise<void> {
  const files = selectFiles(words);
  await removeOldLogs();
  await mkdir(LOG_DIRECTORY, { recursive: true });
  await removeLeftovers(log);
  if (!integrationOnly && words.length === 0 && !(await check(signal))) return;
  // At most 12 characters, and names that no other run of this command has.
  const shared = `test-${process.pid}`;
  const broken = `flt-${process.pid}`;
  const sandboxes = new Map<string, number>();
  if (files.some(file => startsWithAny(file, ON_SANDBOX))) sandboxes.set(shared, SHARED_NODES);
  if (files.some(file => file.startsWith(FAULTS))) sandboxes.set(broken, 1);
  try {
    for (const [name, nodeCount] of sandboxes) {
      const sandbox = await createSandbox({ name, nodeCount }, { signal, log });
      await startAgents(sandbox, { signal, log });
    }
    const tools = await findTools(signal);
    const envOf = (file: string): NodeJS.ProcessEnv => ({
      ...tools,
      NODELET_TEST_SANDBOX: file.startsWith(FAULTS) ? broken : shared,
    });
    await runFiles(files, { envOf, isJudged: words.length === 0 }, signal);
  } finally {
    for (const name of sandboxes.keys()) {
      if (failures.length > 0) await keepLogsOf(name);
      await destroySandbox(name, { signal: new AbortController().signal, log });
    }
    if (signal.aborted) await removeLeftovers(log);
  }
}

/** Kubernetes' own conformance specs, a part of those on test/conformance/passing.txt. */
async function judge(signal: AbortSignal): Promise<void> {
  const { passed, failures: failed, secondTries, logPath } = await runConformance(LOG_DIRECTORY, { signal });
  totals.passed += passed;
  totals.failed += failed.length;
  log(`conformance: ${passed} passed, ${failed.length} failed`);
  for (const name of secondTries) log(`again ${name}: passed by itself`);
  for (const name of failed) log(`FAILED ${name}`);
  if (failed.length + secondTries.length > 0) log(`all it said: ${logPath}`);
}

function selectFiles(words: readonly string[]): readonly string[] {
  const all = globSync('test/**/*.test.ts', { cwd: CHECKOUT }).sort();
  if (words.length === 0) return all;
  for (const word of words) {
    if (!all.some(file => file.includes(word))) throw new Error(`no test file under test/ is named ${word}`);
  }
  return all.filter(file => words.some(word => file.includes(word)));
}

/** Format, lint, architecture, types, unit tests. Only tests are counted, but every check that fails is. */
async function check(signal: AbortSignal): Promise<boolean> {
  log('format, lint, architecture, types, unit tests');
  const result = await run(process.execPath, [join(CHECKOUT, 'hack/check.ts')], { signal });
  process.stderr.write(result.stdout);
  const { passed = '0', fail = '0' } =
    /unit tests .*pass: (?<passed>\d+)(?:, fail: (?<fail>\d+))?/.exec(result.stdout)?.groups ?? {};
  const otherFailures = [...result.stdout.matchAll(/^FAILED {2}(?!unit tests)/gm)].length;
  totals.passed += Number(passed);
  const failed = Number(fail) + otherFailures;
  totals.failed += failed === 0 && result.exitCode !== 0 ? 1 : failed;
  return result.exitCode === 0;
}

/** The Go that is new enough and the control plane's program; both are made when they are not there. */
async function findTools(signal: AbortSignal): Promise<NodeJS.ProcessEnv> {
  const go = await ensureGo({ signal, log });
  const programs = await ensureControlPlaneBuilt({ signal, log });
  return { ...go, NODELET_CONTROL_PLANE: join(programs, 'control-plane') };
}

type EnvironmentOf = (file: string) => NodeJS.ProcessEnv;

/**
 * Three lanes side by side, each with one file at a time, and the conformance specs beside them; then, one by one, those
 * that must be alone.
 */
async function runFiles(
  files: readonly string[],
  { envOf, isJudged }: { readonly envOf: EnvironmentOf; readonly isJudged: boolean },
  signal: AbortSignal,
): Promise<void> {
  const lanes = Map.groupBy(files, laneOf);
  const again: FileOutcome[] = [];
  let done = 0;
  const runLane = async (lane: Lane): Promise<void> => {
    for (const file of lanes.get(lane) ?? []) {
      const outcome = await runTestFile(file, { logDirectory: LOG_DIRECTORY, env: envOf(file), signal });
      done += 1;
      if (outcome.failed > 0) again.push(outcome);
      record(outcome, `${done}/${files.length}`);
    }
  };
  await Promise.all([
    runLane('faults'),
    runLane('sandbox'),
    runLane('own'),
    ...(isJudged ? [judge(signal)] : []),
  ]);
  await runLane('alone');
  for (const outcome of again.slice(0, MAX_SECOND_TRIES))
    await tryAgain(outcome, envOf(outcome.file), signal);
}

type Lane = 'faults' | 'sandbox' | 'own' | 'alone';

function laneOf(file: string): Lane {
  if (startsWithAny(file, ALONE)) return 'alone';
  if (file.startsWith(FAULTS)) return 'faults';
  return startsWithAny(file, ON_SANDBOX) ? 'sandbox' : 'own';
}

/**
 * A file that failed is run once more by itself. What passes then failed for want of a quiet machine (or it is a race
 * worth looking for): it is told, its first output is kept, and the second result counts.
 */
async function tryAgain(first: FileOutcome, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const logDirectory = join(LOG_DIRECTORY, 'second-try');
  await mkdir(logDirectory, { recursive: true });
  const second = await runTestFile(first.file, { logDirectory, env, signal });
  if (second.failed > 0) {
    log(`again ${first.file}: failed twice`);
    return;
  }
  totals.passed += second.passed - first.passed;
  totals.failed -= first.failed;
  failures.splice(failures.indexOf(first), 1);
  log(
    `again ${first.file}: ${second.passed} passed by itself; what it said the first time: ${first.logPath}`,
  );
}

function record(outcome: FileOutcome, progress: string): void {
  const { file, passed, failed, seconds } = outcome;
  totals.passed += passed;
  totals.failed += failed;
  const verdict = failed === 0 ? 'ok    ' : 'FAILED';
  log(
    `${progress.padStart(5)} ${verdict} ${file}  ${passed} passed, ${failed} failed, ${seconds.toFixed(1)} s`,
  );
  if (failed === 0) return;
  failures.push(outcome);
  console.error(explainFailure(outcome.output));
}

function explainFailure(output: string): string {
  const blocks = failedBlocks(output).trimEnd().split('\n').slice(0, QUOTED_LINES).join('\n');
  return blocks === '' ? lastLines(output, QUOTED_LINES) : blocks;
}

/** Those of runs that have ended. */
async function removeOldLogs(): Promise<void> {
  await mkdir(LOG_ROOT, { recursive: true });
  for (const name of await readdir(LOG_ROOT)) {
    const isRunning = (await identifyProcess(Number(name))) !== undefined;
    if (!isRunning) await rm(join(LOG_ROOT, name), { recursive: true, force: true });
  }
}

async function keepLogsOf(sandboxName: string): Promise<void> {
  const target = join(LOG_DIRECTORY, sandboxName);
  await keepLogs(sandboxName, target);
  log(`logs of nodelet, containerd and the control plane: ${target}`);
}

function startsWithAny(file: string, prefixes: readonly string[]): boolean {
  return prefixes.some(prefix => file.startsWith(prefix));
}
