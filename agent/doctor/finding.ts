import type { Config } from '../config/config.ts';

export interface Finding {
  /** Name of the check, e.g. `swap`. */
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  /** What was seen and what follows from it. */
  readonly message: string;
  /** The command or the setting that mends it. */
  readonly mend?: string;
}

/** What a check says of one thing; the runner adds its name. */
export type Remark = Omit<Finding, 'check'>;

export interface DoctorContext {
  readonly config: Config;
  /** How the API server answers; asked only where there is a kubeconfig. */
  readonly probeApi: (options: { readonly signal: AbortSignal }) => Promise<ApiProbe>;
  /** Name and version of the container runtime; rejects when it does not answer. */
  readonly askRuntime: (options: { readonly signal: AbortSignal }) => Promise<RuntimeProbe>;
}

export type ApiProbe =
  | { readonly kind: 'answered'; readonly server: string; readonly latencyMs: number }
  | { readonly kind: 'failed'; readonly reason: string };

export interface RuntimeProbe {
  readonly runtimeName: string;
  readonly runtimeVersion: string;
}

export interface Check {
  readonly name: string;
  readonly run: (
    context: DoctorContext,
    options: { readonly signal: AbortSignal },
  ) => Promise<readonly Remark[]> | readonly Remark[];
}

export function ok(message: string): Remark {
  return { status: 'ok', message };
}

export function warn(message: string, mend: string): Remark {
  return { status: 'warn', message, mend };
}

export function fail(message: string, mend: string): Remark {
  return { status: 'fail', message, mend };
}
