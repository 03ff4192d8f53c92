// Runs every check, shows how long each took, and reports all that fail; the exit code says whether any did.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { Command } from 'commander';

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const ROOT = resolve(import.meta.dirname, '..');
const BIN = resolve(ROOT, 'node_modules/.bin');

const STEPS: readonly Step[] = [
  { name: 'format', command: [`${BIN}/biome`, 'check', '--linter-enabled=false', '--reporter=summary', '.'] },
  { name: 'lint', command: [`${BIN}/oxlint`, '.'] },
  { name: 'architecture', command: [process.execPath, 'hack/lint-architecture.ts'] },
  { name: 'types', command: [`${BIN}/tsc`, '--project', '.'] },
  {
    name: 'unit tests',
    command: [process.execPath, 'hack/unit-tests.ts'],
  },
];

interface Outcome {
  readonly isPassed: boolean;
  readonly output: string;
  readonly seconds: string;
}

async function run({ command }: Step): Promise<Outcome> {
  const [program = '', ...args] = command;
  const startedMs = performance.now();
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const isPassed = await new Promise<boolean>((done, fail) => {
    child.once('error', fail);
    child.once('close', code => {
      done(code === 0);
    });
  });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  return { isPassed, output: stripVTControlCharacters(Buffer.concat(chunks).toString()), seconds };
}

/** How many assertions were counted, where the step counts. */
function summary(output: string): string {
  const counts = /^# \{ (total: .*) \}$/m.exec(output)?.[1];
  return counts === undefined ? '' : `  (${counts})`;
}

const { only } = new Command('hack/check')
  .description('format, lint, architecture, types and unit tests, in under a minute')
  .option('--only <steps>', `some of them, with commas: ${STEPS.map(({ name }) => name).join(', ')}`)
  .parse()
  .opts<{ only?: string }>();
const wanted = only?.split(',');
const unknown = wanted?.find(name => !STEPS.some(step => step.name === name));
if (unknown !== undefined) {
  console.error(`check: no step "${unknown}"; there are: ${STEPS.map(step => step.name).join(', ')}`);
  process.exit(2);
}

const failed: string[] = [];
for (const step of STEPS) {
  if (wanted && !wanted.includes(step.name)) continue;
  const { isPassed, output, seconds } = await run(step);
  console.log(
    `${isPassed ? 'ok    ' : 'FAILED'}  ${step.name.padEnd(12)}  ${seconds.padStart(5)} s${summary(output)}`,
  );
  if (isPassed) continue;
  failed.push(step.name);
  console.log(output.trimEnd());
}
if (failed.length > 0) {
  console.error(`check: failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
