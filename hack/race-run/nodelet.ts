import type { SandboxNode } from '../sandbox/node.ts';
import { type Contestant, daemonStartedAtMs } from './contestant.ts';

/** nodelet as `hack/up` starts it. */
export class Nodelet implements Contestant {
  readonly name = 'nodelet';
  readonly #node: SandboxNode;

  constructor(node: SandboxNode) {
    this.#node = node;
  }

  get logPath(): string {
    return this.#node.agent.logPath;
  }

  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    await this.#node.agent.ensureStarted({ signal });
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
