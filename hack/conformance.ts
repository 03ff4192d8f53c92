// Runs Kubernetes' own conformance specs against nodelet, or against the real kubelet and kube-proxy.
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type AgentName, ensureCluster } from './e2e/cluster.ts';
import { ensureSuiteImages } from './e2e/images.ts';
import { ensureSuitePrograms } from './e2e/programs.ts';
import { Progress } from './e2e/progress.ts';
import { formatComparison, formatReport } from './e2e/report.ts';
import { keepResults, LOG_ROOT, readKnownResults, verdictOf } from './e2e/results.ts';
import {
  chooseSubset,
  formatSpecList,
  type ListedSpec,
  parseConformanceList,
  parseSpecList,
  type Spec,
  selectSpecs,
} from './e2e/specs.ts';
import { runSuite } from './e2e/suite-run.ts';
import { runCommand, timedLog } from './sandbox/command.ts';
import { ensureContainerdPackage } from './sandbox/containerd-package.ts';
import { keepLogs } from './sandbox/keep-logs.ts';
import { destroySandbox } from './sandbox/sandbox.ts';

/** A suite needs its start and its end, and no schedule is perfect. */
const USABLE_SHARE = 0.7;

interface ConformanceOptions {
  readonly agent: AgentName;
  readonly nodes: number;
  readonly procs: number;
  readonly focus?: RegExp;
  readonly skip?: RegExp;
  readonly list?: string;
  readonly minutes?: number;
  readonly addPassing?: string;
  readonly containerd?: 'trixie' | 'sid';
  readonly name?: string;
  readonly compare?: true;
  readonly dryRun?: true;
  readonly keep?: true;
}

const log = timedLog();

await new Command('hack/conformance')
  .description("runs Kubernetes' conformance specs on a cluster in a sandbox of its own")
  .addOption(
    new Option('--agent <agent>', 'what runs the nodes').choices(['nodelet', 'kubelet']).default('nodelet'),
  )
  .addOption(new Option('--nodes <count>', 'nodes').argParser(parseCount).default(2))
  .option('--focus <regexp>', 'only specs whose name matches', parsePattern)
  .option('--skip <regexp>', 'no specs whose name matches', parsePattern)
  .option('--list <file>', 'the specs of this file instead of all conformance specs')
  .option('--minutes <count>', 'as many of them, out of all groups, as are done in this time', parseCount)
  .option('--procs <count>', 'specs that run at the same time', parseCount, 2 * availableParallelism())
  .option('--add-passing <file>', 'afterwards, write the specs that passed into this list')
  .addOption(new Option('--containerd <suite>', "Debian's newer containerd").choices(['trixie', 'sid']))
  .option('--compare', 'print what the kubelet passes and nodelet does not, by the runs so far; run nothing')
  .option('--dry-run', 'print the names of the specs; run nothing')
  .option('--name <name>', 'name of the sandbox (default: conf-AGENT)')
  .option('--keep', 'leave the sandbox for the next run')
  .action(
    async (options: ConformanceOptions) => await runCommand(async signal => await main(options, signal)),
  )
  .parseAsync();

async function main(options: ConformanceOptions, signal: AbortSignal): Promise<void> {
  if (options.compare) {
    console.log(formatComparison(await readKnownResults('kubelet'), await readKnownResults('nodelet')));
    return;
  }
  const programs = await ensureSuitePrograms({ signal, log });
  const specs = await choose(await readFile(programs.conformanceList, 'utf8'), options);
  if (options.dryRun) {
    console.log(specs.map(({ name }) => name).join('\n'));
    return;
  }
  const images = await ensureSuiteImages(programs, { signal, log });
  const { agent, nodes, procs } = options;
  const name = options.name ?? `conf-${agent}`;
  const directory = join(LOG_ROOT, name);
  const containerdDirectory =
    options.containerd && (await ensureContainerdPackage(options.containerd, { signal, log }));
  try {
    const sandbox = await ensureCluster(
      {
        name,
        agent,
        nodeCount: nodes,
        images,
        ...(containerdDirectory === undefined ? {} : { containerdDirectory }),
      },
      { signal, log },
    );
    const progress = new Progress(specs, { expected: await readKnownResults(agent), procs, log });
    log(`${specs.length} specs, ${procs} at a time; everything that is said: ${directory}`);
    try {
      const onResult = progress.add.bind(progress);
      await runSuite({ sandbox, programs, specs, procs, directory, onResult }, { signal });
    } finally {
      await report(specs, progress, options, directory);
      await keepLogs(name, join(directory, 'sandbox'));
    }
  } finally {
    if (!options.keep) await destroySandbox(name, { signal: new AbortController().signal, log });
  }
}

async function choose(conformanceList: string, options: ConformanceOptions): Promise<Spec[]> {
  const { focus, skip, list, minutes, procs } = options;
  const listed = list === undefined ? undefined : parseSpecList(await readFile(list, 'utf8'));
  const specs = selectSpecs(parseConformanceList(conformanceList), {
    ...(focus && { focus }),
    ...(skip && { skip }),
    ...(listed && { list: listed }),
  });
  if (specs.length === 0) throw new Error('no spec is left to run');
  if (minutes === undefined) return specs;
  const known = [...(await readKnownResults(options.agent)).values()];
  const seconds = new Map([...known, ...(listed ?? [])].map(({ name, seconds }) => [name, seconds]));
  return chooseSubset(specs, seconds, { budgetSeconds: minutes * 60 * USABLE_SHARE, procs });
}

async function report(
  specs: readonly Spec[],
  { results }: Progress,
  { agent, addPassing }: ConformanceOptions,
  directory: string,
): Promise<void> {
  await keepResults(agent, [...results.values()]);
  const text = formatReport(specs, results);
  await writeFile(join(directory, 'report.txt'), `${text}\n`);
  console.log(text);
  const hasPassed = specs.every(({ name }) => {
    const result = results.get(name);
    return result !== undefined && verdictOf(result) !== 'failed';
  });
  if (!hasPassed) process.exitCode = 1;
  if (addPassing === undefined) return;
  const passed = [...results.values()].filter(result => verdictOf(result) === 'passed');
  await extendList(addPassing, passed);
}

async function extendList(path: string, passed: readonly ListedSpec[]): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => ''); // a new list
  const header = text.split('\n').filter(line => line.startsWith('#'));
  const specs = new Map([...parseSpecList(text), ...passed].map(spec => [spec.name, spec]));
  await writeFile(path, formatSpecList(header.join('\n'), [...specs.values()]));
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('expected 1 or more');
  return count;
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError('expected a regular expression');
  }
}
