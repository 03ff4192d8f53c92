import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Holder } from './holder.ts';
import { CACHE_ROOT, CHECKOUT } from './paths.ts';
import { signalProcess } from './process.ts';

export interface AgentStartOptions {
  readonly signal: AbortSignal;
  readonly extraArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What Node runs; the checkout's own `agent/main.ts` if not given. */
  readonly program?: string;
}

// As systemd/nodelet.service starts it, so that what is measured and tested here is what runs there.
const NODE_FLAGS = ['--max-old-space-size=384', '--max-semi-space-size=1'];
const MAIN = join(CHECKOUT, 'agent', 'main.ts');
const ENVIRONMENT = { MALLOC_ARENA_MAX: '2', NODE_COMPILE_CACHE: join(CACHE_ROOT, 'compiled') };

/** nodelet itself, as a process on one node. Its configuration is `/etc/nodelet/config.yaml` there. */
export class AgentProcess {
  readonly logPath: string;
  readonly #holder: Holder;

  constructor(holder: Holder, directory: string) {
    this.#holder = holder;
    this.logPath = join(directory, 'logs', 'agent.log');
  }

  /** Starts the agent unless it runs. Whether the node then becomes Ready is for the caller to see. */
  async ensureStarted({
    signal,
    extraArgs = [],
    env = {},
    program = MAIN,
  }: AgentStartOptions): Promise<void> {
    if (await this.isRunning()) return;
    const args = [...NODE_FLAGS, program, 'run', '--config', '/etc/nodelet/config.yaml', ...extraArgs];
    await this.#holder.startDaemon('agent', process.execPath, args, {
      logPath: this.logPath,
      env: { ...ENVIRONMENT, ...env },
      signal,
    });
  }

  /** Asks it to end and waits for that; SIGKILL after ten seconds. */
  async stop(): Promise<void> {
    await this.#holder.endDaemon('agent', 'SIGTERM');
  }

  /** Ends it in a way it cannot prepare for. */
  async kill(): Promise<void> {
    await this.#holder.endDaemon('agent', 'SIGKILL');
  }

  /** Sends a signal that need not end it, e.g. SIGSTOP. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const identity = await this.#holder.findDaemon('agent');
    if (identity !== undefined) await signalProcess(identity, signal);
  }

  async isRunning(): Promise<boolean> {
    return (await this.findPid()) !== undefined;
  }

  /** Host pid, e.g. to measure it. */
  async findPid(): Promise<number | undefined> {
    return (await this.#holder.findDaemon('agent'))?.pid;
  }

  /** Everything it has written since the sandbox was made. */
  async readLog(): Promise<string> {
    return await readFile(this.logPath, 'utf8').catch(() => ''); // none before its first start
  }
}
