import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildContainerdConfig } from './containerd-config.ts';
import type { Holder } from './holder.ts';
import { CommandError, type RunOptions, runOk } from './run.ts';
import { waitUntil } from './wait.ts';

const READY_TIMEOUT_MS = 30_000;
const CAP_SYS_RESOURCE = 24n;

export interface ContainerdTask {
  readonly id: string;
  /** As the node numbers it. */
  readonly pid: number;
  /** `RUNNING`, `STOPPED` ... */
  readonly status: string;
}

/** The containerd of one node. */
export class Containerd {
  readonly logPath: string;
  readonly #holder: Holder;
  readonly #configDirectory: string;
  readonly #binDirectory: string | undefined;

  constructor(
    holder: Holder,
    options: { readonly directory: string; readonly configDirectory: string; readonly binDirectory?: string },
  ) {
    this.#holder = holder;
    this.logPath = join(options.directory, 'logs', 'containerd.log');
    this.#configDirectory = options.configDirectory;
    this.#binDirectory = options.binDirectory;
  }

  /** Starts it unless it runs, and waits until its CRI answers. */
  async ensureStarted({ signal }: { signal: AbortSignal }): Promise<void> {
    if (!(await this.isRunning())) await this.#start(signal);
    await waitUntil(
      'containerd to answer',
      async () => {
        if (!(await this.isRunning())) throw new Error(`containerd has ended, see ${this.logPath}`);
        const { exitCode, stdout } = await this.#holder.run(this.#program('ctr'), ['plugins', 'list'], {
          signal,
        });
        return exitCode === 0 && /\scri\s.*\sok\b/.test(stdout);
      },
      { signal, timeoutMs: READY_TIMEOUT_MS },
    );
  }

  /** Ends containerd alone: containers go on running below their shims. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#holder.endDaemon('containerd', signal);
  }

  async isRunning(): Promise<boolean> {
    return (await this.#holder.findDaemon('containerd')) !== undefined;
  }

  /** Every task of the node, sandboxes included, as the runtime itself knows them. */
  async listTasks(options: RunOptions): Promise<readonly ContainerdTask[]> {
    const [, ...lines] = (await this.ctr(['tasks', 'list'], options)).trim().split('\n');
    return lines.map(line => {
      const [id = '', pid = '', status = ''] = line.split(/\s+/);
      return { id, pid: Number(pid), status };
    });
  }

  /** Runs ctr(8) in the namespace that CRI uses and returns its stdout. */
  async ctr(args: readonly string[], options: RunOptions): Promise<string> {
    const result = await this.#holder.run(this.#program('ctr'), ['--namespace', 'k8s.io', ...args], options);
    if (result.exitCode !== 0) throw new CommandError(`ctr ${args.join(' ')}`, result);
    return result.stdout;
  }

  async #start(signal: AbortSignal): Promise<void> {
    const config = buildContainerdConfig({
      majorVersion: await this.#readMajorVersion(signal),
      mayLowerOomScore: await hasCapability(CAP_SYS_RESOURCE),
    });
    await mkdir(this.#configDirectory, { recursive: true });
    await writeFile(join(this.#configDirectory, 'config.toml'), config);
    const env =
      this.#binDirectory === undefined ? {} : { PATH: `${this.#binDirectory}:${process.env['PATH']}` };
    const args = ['--config', '/etc/containerd/config.toml'];
    await this.#holder.startDaemon('containerd', this.#program('containerd'), args, {
      logPath: this.logPath,
      env,
      signal,
    });
  }

  async #readMajorVersion(signal: AbortSignal): Promise<number> {
    const text = await runOk(this.#program('containerd'), ['--version'], { signal });
    const version = /\sv?(\d+)\.\d+\.\d+/.exec(text)?.[1];
    if (version === undefined) throw new Error(`cannot read the version of containerd in: ${text}`);
    return Number(version);
  }

  #program(name: string): string {
    return this.#binDirectory === undefined ? name : join(this.#binDirectory, name);
  }
}

async function hasCapability(bit: bigint): Promise<boolean> {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> bit) & 1n) === 1n;
}
