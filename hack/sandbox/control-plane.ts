import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  buildFlags,
  CONTROL_PLANE_PROGRAMS,
  type ControlPlaneProgram,
  type ControlPlaneSpec,
} from './control-plane-flags.ts';
import { Holder } from './holder.ts';
import { lastLines, type RunResult, run } from './run.ts';
import { waitUntil } from './wait.ts';

const READY_TIMEOUT_MS = 120_000; // generous: two cores busy with a build still make it

/** etcd and the Kubernetes programs in namespaces of their own. */
export class ControlPlane {
  readonly holder: Holder;
  readonly #directory: string;
  readonly #binDirectory: string;
  readonly #spec: ControlPlaneSpec;
  readonly #kubectl: (args: readonly string[], signal: AbortSignal) => Promise<RunResult>;

  constructor(options: {
    readonly directory: string;
    readonly binDirectory: string;
    readonly cgroup: string;
    readonly address: string;
    readonly pkiDirectory: string;
    readonly kubeconfig: string;
    readonly isDualStack: boolean;
  }) {
    this.#directory = options.directory;
    this.#binDirectory = options.binDirectory;
    this.#spec = {
      address: options.address,
      pkiDirectory: options.pkiDirectory,
      etcdDirectory: join(options.directory, 'etcd'),
      isDualStack: options.isDualStack,
    };
    this.holder = new Holder({ directory: options.directory, cgroup: options.cgroup, setUp: SET_UP });
    this.#kubectl = async (args, signal) =>
      await run(join(options.binDirectory, 'kubectl'), [`--kubeconfig=${options.kubeconfig}`, ...args], {
        signal,
      });
  }

  logPath(program: ControlPlaneProgram): string {
    return join(this.#directory, 'logs', `${program}.log`);
  }

  /** Starts what is not running. */
  async ensureStarted({ signal }: { signal: AbortSignal }): Promise<void> {
    for (const program of CONTROL_PLANE_PROGRAMS) await this.start(program, { signal });
  }

  /** Of a flag that is there twice the last one counts, so `extraFlags` may be others of the same names. */
  async start(
    program: ControlPlaneProgram,
    { signal, extraFlags = [] }: { readonly signal: AbortSignal; readonly extraFlags?: readonly string[] },
  ): Promise<void> {
    if (await this.holder.findDaemon(program)) return;
    const flags = [...buildFlags(program, this.#spec), ...extraFlags];
    await this.holder.startDaemon(program, join(this.#binDirectory, program), flags, {
      logPath: this.logPath(program),
      signal,
    });
  }

  async stop(program: ControlPlaneProgram, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.holder.endDaemon(program, signal);
  }

  /** Waits until the API server serves and the controllers have made what pods need. */
  async waitReady({ signal }: { signal: AbortSignal }): Promise<void> {
    await waitUntil(
      'the API server to be ready',
      async () => {
        await this.#throwIfEnded();
        return (await this.#kubectl(['get', '--raw=/readyz'], signal)).exitCode === 0;
      },
      { signal, timeoutMs: READY_TIMEOUT_MS, pollMs: 250 },
    );
    await waitUntil(
      'the controller manager to make the default service account',
      async () => {
        await this.#throwIfEnded();
        return (await this.#kubectl(['get', 'serviceaccount', 'default'], signal)).exitCode === 0;
      },
      { signal, timeoutMs: READY_TIMEOUT_MS, pollMs: 250 },
    );
  }

  async #throwIfEnded(): Promise<void> {
    for (const program of CONTROL_PLANE_PROGRAMS) {
      if (await this.holder.findDaemon(program)) continue;
      const log = await readFile(this.logPath(program), 'utf8');
      throw new Error(`${program} has ended. Last lines of ${this.logPath(program)}:\n${lastLines(log, 10)}`);
    }
  }
}

const SET_UP = `hostname control-plane
mount -t proc -o nosuid,nodev,noexec proc /proc
`;
