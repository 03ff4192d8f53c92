// Runs the e2e suite under ginkgo and follows what it says about each spec.
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep } from '../../agent/lib/sleep.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { SuitePrograms } from './programs.ts';
import { parseResultLines, type SpecResult } from './results.ts';
import type { Spec } from './specs.ts';

const POLL_MS = 500;
const SUITE_TIMEOUT = '12h'; // each spec has deadlines of its own

export interface SuiteRun {
  readonly sandbox: Sandbox;
  readonly programs: SuitePrograms;
  readonly specs: readonly Spec[];
  readonly procs: number;
  /** Gets suite.log, junit.xml and results.jsonl. */
  readonly directory: string;
  readonly onResult: (result: SpecResult) => void;
}

/** Returns ginkgo's exit status. */
export async function runSuite(run: SuiteRun, { signal }: { signal: AbortSignal }): Promise<number> {
  const { sandbox, programs, specs, procs, directory } = run;
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const list = join(directory, 'specs.txt');
  const results = join(directory, 'results.jsonl');
  await writeFile(list, specs.map(({ name }) => `${name}\n`).join(''));
  await writeFile(results, '');
  const runner = [
    `--procs=${procs}`,
    `--timeout=${SUITE_TIMEOUT}`,
    '--no-color',
    '--silence-skips',
    '--junit-report=junit.xml',
    `--output-dir=${directory}`,
    '--poll-progress-after=0',
  ];
  const suite = [
    `--spec-list=${list}`,
    `--spec-results=${results}`,
    `--kubeconfig=${sandbox.adminKubeconfigPath}`,
    `--kubectl-path=${join(sandbox.paths.bin, 'kubectl')}`,
    '--provider=skeleton',
    `--num-nodes=${sandbox.nodes.length}`,
    '--allowed-not-ready-nodes=0',
    '--dump-logs-on-failure=true',
  ];
  await using log = await open(join(directory, 'suite.log'), 'w');
  const ended = new AbortController();
  const following = followResults(results, run.onResult, ended.signal);
  try {
    // From where pods and nodes can be reached; and it ends with the sandbox, whatever becomes of us.
    const { holder } = sandbox.controlPlane;
    // ginkgo fails when it works in the root directory.
    const args = [
      `--chdir=${directory}`,
      programs.program('ginkgo'),
      ...runner,
      programs.suite,
      '--',
      ...suite,
    ];
    const result = await holder.run('env', args, { signal, outputFd: log.fd });
    return result.exitCode;
  } finally {
    ended.abort();
    await following;
  }
}

/** Hands on each result as it appears, until `ended`; then what is still there. */
async function followResults(
  path: string,
  onResult: (result: SpecResult) => void,
  ended: AbortSignal,
): Promise<void> {
  let seen = 0;
  for (let isLast = false; !isLast; ) {
    isLast = ended.aborted;
    const text = await readFile(path, 'utf8');
    const { results, rest } = parseResultLines(text.slice(seen));
    seen = text.length - rest.length;
    for (const result of results) onResult(result);
    // The end of the run cuts the pause short.
    if (!isLast) await sleep(POLL_MS, { signal: ended }).catch(() => undefined);
  }
}
