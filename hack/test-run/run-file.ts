import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CHECKOUT } from '../sandbox/paths.ts';
import { run } from '../sandbox/run.ts';
import { countPoints, type PointCounts } from './count-points.ts';

/** Longer than any deadline inside a test, so that the test itself says what it waited for. */
const FILE_TIMEOUT_MS = 600_000;
/** tap's own, which names the subtest that hangs. */
const TAP_TIMEOUT_SECONDS = 540;

export interface FileOutcome extends PointCounts {
  readonly file: string;
  readonly seconds: number;
  readonly output: string;
  readonly logPath: string;
}

/** Runs one test file to its end; what it writes is kept in a file of its own below `logDirectory`. */
export async function runTestFile(
  file: string,
  options: {
    readonly logDirectory: string;
    readonly env: NodeJS.ProcessEnv;
    readonly signal: AbortSignal;
  },
): Promise<FileOutcome> {
  const startedAtMs = performance.now();
  const logPath = join(options.logDirectory, `${file.replaceAll('/', '-')}.log`);
  const timeout = AbortSignal.timeout(FILE_TIMEOUT_MS);
  const env = { ...options.env, TAP_TIMEOUT: String(TAP_TIMEOUT_SECONDS) };
  const { exitCode, output } = await run(process.execPath, ['--enable-source-maps', file], {
    cwd: CHECKOUT,
    env,
    signal: AbortSignal.any([options.signal, timeout]),
  }).then(
    result => ({ exitCode: result.exitCode, output: result.stdout + result.stderr }),
    (error: unknown) => {
      if (options.signal.aborted || !timeout.aborted) throw error;
      return { exitCode: 1, output: `not ok - ${file} did not end within ${FILE_TIMEOUT_MS / 1000} s\n` };
    },
  );
  await mkdir(dirname(logPath), { recursive: true });
  await writeFile(logPath, output);
  const counts = countPoints(output, { hasEndedWell: exitCode === 0 });
  const isEmpty = counts.passed + counts.failed === 0;
  const seconds = (performance.now() - startedAtMs) / 1000;
  return { file, seconds, output, logPath, passed: counts.passed, failed: isEmpty ? 1 : counts.failed };
}
