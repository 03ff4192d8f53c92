// The two that race: nodelet, and the kubelet with kube-proxy. Started and ended the same way on the same node.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxNode } from '../sandbox/node.ts';

export type ContestantName = 'nodelet' | 'kubelet';

export interface Contestant {
  readonly name: ContestantName;
  /** Starts its processes; returns when they run, not when the node is Ready. */
  start(options: { signal: AbortSignal }): Promise<void>;
  /** When the node agent's program was last executed, by the clock of `performance.now()`. */
  startedAtMs(): Promise<number>;
  /** Asks its processes to end and waits for that; pods keep running. */
  stop(): Promise<void>;
  /** Ends its processes in a way they cannot prepare for. */
  kill(): Promise<void>;
  /** Host pids of its processes, the node agent first. */
  findPids(): Promise<readonly number[]>;
  /** Where its node agent writes what it has to say. */
  readonly logPath: string;
}

/** When a daemon's program was executed, by the clock of `performance.now()`. */
export async function daemonStartedAtMs(node: SandboxNode, daemon: string): Promise<number> {
  // The daemon writes this file about itself in its last moment as a shell.
  const { mtimeMs } = await stat(join(node.directory, 'daemons', daemon));
  return mtimeMs - performance.timeOrigin;
}
