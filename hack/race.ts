// Races nodelet against the kubelet and kube-proxy, in turn, on one node.
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { Arena } from './race-run/arena.ts';
import { raceConfigChange } from './race-run/config-change.ts';
import type { Contestant, ContestantName } from './race-run/contestant.ts';
import { raceCrowd } from './race-run/crowd.ts';
import { readFacts } from './race-run/facts.ts';
import { NODELET_CANNOT, ROWS, type RowName, SERVICE_COUNTS, type ServiceCount } from './race-run/figures.ts';
import { raceFloor } from './race-run/floor.ts';
import { Kubelet } from './race-run/kubelet.ts';
import { raceLogs } from './race-run/logs.ts';
import { Nodelet } from './race-run/nodelet.ts';
import { raceConfigStarts, raceCrashes, raceStarts } from './race-run/one-by-one.ts';
import { raceExec, raceReadiness } from './race-run/probe-and-exec.ts';
import { buildLines, formatTable } from './race-run/report.ts';
import { Samples } from './race-run/samples.ts';
import { raceServices } from './race-run/services.ts';
import { type ContestantTurn, Turn } from './race-run/turn.ts';
import { runCommand, timedLog } from './sandbox/command.ts';
import { createSandbox, destroySandbox, type Sandbox } from './sandbox/sandbox.ts';
import { startAgents } from './sandbox/start-agents.ts';
import type { Log } from './sandbox/step.ts';

const CONTESTANTS = ['nodelet', 'kubelet'] as const satisfies readonly ContestantName[];

interface RaceOptions {
  readonly rounds: number;
  readonly pods: number;
  readonly idleSeconds: number;
  readonly services: readonly ServiceCount[];
  readonly tuned?: true;
  readonly only?: ContestantName;
  readonly floor: boolean;
  readonly json?: string;
  readonly name: string;
  readonly keep?: true;
}

interface Race {
  readonly sandbox: Sandbox;
  readonly arena: Arena;
  readonly samples: Samples;
  readonly rows: ReadonlySet<RowName>;
  readonly options: RaceOptions;
  readonly log: Log;
}

await new Command('hack/race')
  .description('races nodelet against the kubelet and kube-proxy on the same node, row by row')
  .addArgument(new Argument('[rows...]', 'rows to run (default: all)').choices(ROWS))
  .option('--rounds <count>', 'how often each takes its turn', parseCount, 3)
  .option('--pods <count>', 'pods in the rows that have many', parseCount, 50)
  .option('--idle-seconds <count>', 'length of the idle and API load window of each round', parseCount, 60)
  .option('--services <counts>', 'sizes for the service rows', parseServiceCounts, SERVICE_COUNTS)
  .option('--tuned', 'the kubelet with parallel pulls and raised limits, kube-proxy with nftables')
  .addOption(new Option('--only <contestant>', 'let one run alone').choices(CONTESTANTS))
  .option('--no-floor', 'leave out the bare runtime')
  .option('--json <file>', 'write everything measured to this file as well')
  .option('--name <name>', 'name of the sandbox', 'race')
  .option('--keep', 'leave the sandbox for the next run')
  .action(
    async (rows: readonly RowName[], options: RaceOptions) =>
      await runCommand(async signal => await runRace(rows, options, signal)),
  )
  .parseAsync();

async function runRace(rows: readonly RowName[], options: RaceOptions, signal: AbortSignal): Promise<void> {
  const log = timedLog();
  try {
    const sandbox = await createSandbox({ name: options.name, nodeCount: 1 }, { signal, log });
    // nodelet brings the CNI configuration that every turn, the floor's too, uses from then on.
    await new Kubelet({ node: sandbox.node(), binDirectory: sandbox.paths.bin, isTuned: false }).stop();
    await startAgents(sandbox, { signal, log });
    await sandbox.node().agent.stop();
    const arena = await Arena.open(sandbox, { signal });
    const samples = new Samples();
    const race = { sandbox, arena, samples, rows: new Set(rows.length === 0 ? ROWS : rows), options, log };
    try {
      await runRounds(race);
    } finally {
      await arena.close();
    }
    await report(race, signal);
  } finally {
    if (!options.keep) await destroySandbox(options.name, { signal: new AbortController().signal, log });
  }
}

async function runRounds(race: Race): Promise<void> {
  const { options, arena, log } = race;
  const contestants = buildContestants(race);
  for (let round = 1; round <= options.rounds; round += 1) {
    const title = (who: string) =>
      log(`round ${round}/${options.rounds}: ${who}, load ${loadavg()[0]?.toFixed(1)}`);
    await arena.clear();
    if (options.floor) {
      title('floor');
      await raceFloor(buildTurn(race, 'floor'));
    }
    for (const contestant of contestants) {
      title(contestant.name);
      await arena.bringUp(contestant);
      await takeTurn({ turn: buildTurn(race, contestant.name), contestant }, options.services, log);
      await arena.bringDown(contestant);
    }
  }
}

function buildContestants({ sandbox, options }: Race): readonly Contestant[] {
  const node = sandbox.node();
  const all = [
    new Kubelet({ node, binDirectory: sandbox.paths.bin, isTuned: options.tuned === true }),
    new Nodelet(node),
  ];
  return all.filter(({ name }) => options.only === undefined || name === options.only);
}

function buildTurn({ arena, samples, rows, options, log }: Race, source: ContestantName | 'floor'): Turn {
  const { pods: podCount, idleSeconds } = options;
  return new Turn({ arena, source, samples, rows, podCount, idleMs: idleSeconds * 1000, log });
}

async function takeTurn(
  contestantTurn: ContestantTurn,
  serviceCounts: readonly ServiceCount[],
  log: Log,
): Promise<void> {
  const { turn, contestant } = contestantTurn;
  const takesPart = (...rows: readonly RowName[]): boolean =>
    rows.some(row => turn.has(row) && !(contestant.name === 'nodelet' && row in NODELET_CANNOT));
  const scenes: readonly (readonly [readonly RowName[], () => Promise<void>])[] = [
    [['start', 'delete'], async () => await raceStarts(turn)],
    [['start-config'], async () => await raceConfigStarts(turn)],
    [['crash'], async () => await raceCrashes(turn)],
    [['readiness'], async () => await raceReadiness(turn)],
    [['exec'], async () => await raceExec(turn)],
    [['logs'], async () => await raceLogs(turn)],
    [['config'], async () => await raceConfigChange(turn)],
    [['burst', 'burst-delete', 'idle', 'api-load', 'restart'], async () => await raceCrowd(contestantTurn)],
    // Last, for the many Services stay until the turn is over.
    [
      ['service-change', 'service-add', 'service-connect', 'service-initial'],
      async () => await raceServices(contestantTurn, serviceCounts),
    ],
  ];
  for (const [rows, run] of scenes) {
    if (!takesPart(...rows)) continue;
    log(`  ${rows.filter(row => turn.has(row)).join(', ')}`);
    await run();
    await turn.arena.removeAllPods();
  }
}

async function report({ sandbox, samples, rows, options, log }: Race, signal: AbortSignal): Promise<void> {
  const facts = await readFacts(sandbox, { signal });
  const lines = buildLines(samples, rows);
  if (options.json !== undefined) {
    const result = { facts, options, lines, problems: samples.problems, samples };
    await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
  }
  log('done');
  for (const [name, value] of Object.entries(facts)) console.log(`${name}: ${value}`);
  console.log(
    `rounds: ${options.rounds}, pods: ${options.pods}, kubelet: ${options.tuned ? 'tuned' : 'defaults'}`,
  );
  console.log(`\n${formatTable(lines)}`);
  for (const problem of samples.problems) console.log(`\nnot counted: ${problem}`);
  if (samples.problems.length > 0) process.exitCode = 1;
}

function parseServiceCounts(text: string): readonly ServiceCount[] {
  const wanted = text.split(',').map(Number);
  const known = SERVICE_COUNTS.filter(count => wanted.includes(count));
  if (known.length !== wanted.length)
    throw new InvalidArgumentError(`expected some of ${SERVICE_COUNTS.join(',')}`);
  return known;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1)
    throw new InvalidArgumentError('expected a whole number above 0');
  return count;
}
