import { join } from 'node:path';
import { writeTree } from '../packaging/tree.ts';
import type { SandboxNode } from '../sandbox/node.ts';
import { type Contestant, daemonStartedAtMs } from './contestant.ts';

/** nodelet as its package installs it: one bundled program, and the flags of its unit. */
export class Nodelet implements Contestant {
  readonly name = 'nodelet';
  readonly #node: SandboxNode;
  #program: string | undefined;

  constructor(node: SandboxNode) {
    this.#node = node;
  }

  get logPath(): string {
    return this.#node.agent.logPath;
  }

  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    this.#program ??= await this.#unpack(signal);
    await this.#node.agent.ensureStarted({ signal, program: this.#program });
  }

  async #unpack(signal: AbortSignal): Promise<string> {
    const root = join(this.#node.directory, 'package');
    await writeTree(root, { signal });
    return join(root, 'usr/lib/nodelet/main.js');
  }

  async startedAtMs(): Promise<number> {
    return await daemonStartedAtMs(this.#node, 'agent');
  }

  async stop(): Promise<void> {
    await this.#node.agent.stop();
  }

  async kill(): Promise<void> {
    await this.#node.agent.kill();
  }

  async findPids(): Promise<readonly number[]> {
    const pid = await this.#node.agent.findPid();
    return pid === undefined ? [] : [pid];
  }
}
