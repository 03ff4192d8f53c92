// A holder is the first process of a set of namespaces: it keeps them alive, reaps what is orphaned in them, and
// everything in them ends with it. The control plane has one, and so has each node.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  delegateCgroup,
  destroyCgroup,
  ensureCgroup,
  enterCgroupRootScript,
  joinCgroupScript,
  listCgroupHierarchies,
} from './cgroups.ts';
import { endProcess, findInNamespace, identifyProcess, isRunning, type ProcessIdentity } from './process.ts';
import { type RunOptions, type RunResult, run, runInForeground } from './run.ts';
import { quote, shellLine } from './shell.ts';
import { waitFor, waitUntil } from './wait.ts';

export interface HolderSpec {
  /** Its directory: `init.sh`, `init.log`, `holder.json`. */
  readonly directory: string;
  /** Cgroup of all that runs in it, e.g. `nodelet/dev/node-1`; becomes the root of its cgroup namespace. */
  readonly cgroup: string;
  /** Shell text that sets up the namespaces from the inside, before anything else runs there. */
  readonly setUp: string;
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined); // absent, as before the first start
}

const INIT_TIMEOUT_MS = 20_000;

export class Holder {
  readonly #spec: HolderSpec;

  constructor(spec: HolderSpec) {
    this.#spec = spec;
  }

  /** The holder process on the host, or undefined while there is none. */
  async findProcess(): Promise<ProcessIdentity | undefined> {
    const identity = await readIdentity(this.#file('holder.json'));
    return (await isRunning(identity)) ? identity : undefined;
  }

  async ensureStarted({ signal }: { signal: AbortSignal }): Promise<ProcessIdentity> {
    return (await this.findProcess()) ?? (await this.#start(signal));
  }

  /** Ends everything inside. Works on what is half built, too. */
  async destroy(): Promise<void> {
    await destroyCgroup(this.#spec.cgroup);
    await rm(this.#file('holder.json'), { force: true });
  }

  /** Runs a command inside all of its namespaces and in its cgroup. */
  async run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
    return await run('sh', ['-c', await this.#enterScript(shellLine(command, ...args))], options);
  }

  /** Runs a command inside, on this terminal. */
  async runInForeground(command: string, args: readonly string[]): Promise<number> {
    return await runInForeground('sh', ['-c', await this.#enterScript(shellLine(command, ...args))]);
  }

  /**
   * Starts a process that outlives this one, as a child of the holder; its output is appended to `logPath`. It is known
   * by `name` from its first moment on, so it is found again even when whoever started it was killed right then.
   */
  async startDaemon(
    name: string,
    command: string,
    args: readonly string[],
    { logPath, env = {}, signal }: DaemonOptions,
  ): Promise<void> {
    const statPath = this.#daemonFile(name);
    await mkdir(dirname(statPath), { recursive: true });
    await mkdir(dirname(logPath), { recursive: true });
    await rm(statPath, { force: true });
    const variables = Object.entries(env).map(([variable, value]) => `${variable}=${value}`);
    const introduce = `read -r stat < /proc/self/stat && echo "$stat" > ${quote(statPath)}`;
    const daemon = `${introduce} && exec ${shellLine('env', ...variables, command, ...args)}`;
    // The outer shell's exit hands the daemon over to the holder.
    const script = `setsid sh -c ${quote(daemon)} </dev/null >>${quote(logPath)} 2>&1 &`;
    await this.run('sh', ['-c', script], { signal });
    const isIntroduced = async () => (await readIfThere(statPath))?.endsWith('\n') === true;
    await waitUntil(`${name} to start`, isIntroduced, { signal, timeoutMs: INIT_TIMEOUT_MS, pollMs: 10 });
  }

  /** The daemon of that name while it runs. */
  async findDaemon(name: string): Promise<ProcessIdentity | undefined> {
    const holder = await this.findProcess();
    const statLine = await readIfThere(this.#daemonFile(name));
    return holder && statLine ? await findInNamespace(holder.pid, statLine) : undefined;
  }

  /** Ends a daemon with the given signal and, when it takes longer than ten seconds, with SIGKILL. */
  async endDaemon(name: string, signal: NodeJS.Signals): Promise<void> {
    const identity = await this.findDaemon(name);
    if (identity !== undefined) await endProcess(identity, { signal });
  }

  async #start(signal: AbortSignal): Promise<ProcessIdentity> {
    const { directory, cgroup } = this.#spec;
    // Remnants of a holder that was killed.
    await this.destroy();
    await mkdir(directory, { recursive: true });
    await ensureCgroup(cgroup);
    await rm(this.#file('holder.pid'), { force: true });
    const hierarchies = await listCgroupHierarchies();
    await writeFile(this.#file('init.sh'), this.#initScript());
    const unshare = shellLine('exec', 'unshare', ...NAMESPACE_FLAGS, 'sh', this.#file('init.sh'));
    const log = openSync(this.#file('init.log'), 'w');
    const child = spawn('sh', ['-c', `${enterCgroupRootScript(cgroup, hierarchies)} && ${unshare}`], {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: '/',
    });
    closeSync(log);
    let hasFailed = false;
    child.once('error', () => (hasFailed = true));
    child.once('exit', () => (hasFailed = true));
    const identity = await waitFor(
      `the namespaces of ${cgroup} (see ${this.#file('init.log')})`,
      async () => {
        if (hasFailed)
          throw new Error(`namespaces of ${cgroup}: ${await readFile(this.#file('init.log'), 'utf8')}`);
        return await this.#readReadyProcess();
      },
      { signal, timeoutMs: INIT_TIMEOUT_MS, pollMs: 20 },
    );
    child.unref();
    await delegateCgroup(cgroup);
    await writeFile(this.#file('holder.json'), JSON.stringify(identity));
    return identity;
  }

  #initScript(): string {
    return [
      '# Runs as the first process of the new namespaces.',
      'set -eu',
      '# This is still the outer /proc, so this is the pid by which the host knows us.',
      'read -r hostPid _ < /proc/self/stat',
      this.#spec.setUp.trimEnd(),
      `echo "$hostPid" > ${quote(this.#file('holder.pid'))}`,
      'exec tini -- sleep infinity',
      '',
    ].join('\n');
  }

  /** The last thing the set-up writes is its pid. */
  async #readReadyProcess(): Promise<ProcessIdentity | undefined> {
    const text = await readIfThere(this.#file('holder.pid'));
    return text?.endsWith('\n') ? await identifyProcess(Number(text)) : undefined;
  }

  async #enterScript(line: string): Promise<string> {
    const { pid } = await this.#required();
    const join = joinCgroupScript(this.#spec.cgroup, await listCgroupHierarchies());
    return `${join} && exec nsenter --target ${pid} --mount --uts --ipc --net --pid --cgroup --wd=/ -- ${line}`;
  }

  async #required(): Promise<ProcessIdentity> {
    const identity = await this.findProcess();
    if (identity === undefined) throw new Error(`${this.#spec.cgroup} is not running; ./hack/up starts it`);
    return identity;
  }

  #daemonFile(name: string): string {
    return join(this.#spec.directory, 'daemons', name);
  }

  #file(name: string): string {
    return join(this.#spec.directory, name);
  }
}

const NAMESPACE_FLAGS = [
  '--mount',
  '--uts',
  '--ipc',
  '--net',
  '--pid',
  '--cgroup',
  '--fork',
  '--propagation',
  'private',
];

export interface DaemonOptions {
  readonly logPath: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

async function readIdentity(path: string): Promise<ProcessIdentity | undefined> {
  try {
    // Written by us alone, whole or not at all as far as a crash of ours goes.
    return JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity;
  } catch {
    // Absent or half written: there is no process we could prove to be ours by it.
    return undefined;
  }
}
