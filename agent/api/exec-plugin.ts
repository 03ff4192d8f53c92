import { execFile } from 'node:child_process';
import { DeniedError, errorMessage } from '../lib/errors.ts';
import type { ClusterConfig, ExecConfig } from './kubeconfig.ts';

/** What a credential plugin answered. */
export interface ExecCredential {
  readonly token: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Undefined: good until the server says 401. */
  readonly expiresAtMs: number | undefined;
}

const EXEC_TIMEOUT_MS = 60_000;
const EXEC_MAX_OUTPUT_BYTES = 1024 * 1024;

/** Runs the plugin once. Throws DeniedError with the plugin's own words. */
export async function runExecPlugin(
  exec: ExecConfig,
  cluster: { readonly config: ClusterConfig; readonly ca: string | undefined },
  { signal }: { signal: AbortSignal },
): Promise<ExecCredential> {
  const info = {
    apiVersion: exec.apiVersion,
    kind: 'ExecCredential',
    spec: { interactive: false, ...(exec.provideClusterInfo ? { cluster: clusterInfo(cluster) } : {}) },
  };
  // The plugin gets our environment and more (PATH, HOME, proxies): that is its interface.
  const environment = { ...process.env, ...exec.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  return parseExecCredential(await run(exec, environment, signal), exec);
}

function clusterInfo(cluster: { readonly config: ClusterConfig; readonly ca: string | undefined }): unknown {
  return {
    server: cluster.config.server,
    'tls-server-name': cluster.config.tlsServerName,
    'insecure-skip-tls-verify': cluster.config.isInsecure || undefined,
    'certificate-authority-data': cluster.ca && Buffer.from(cluster.ca).toString('base64'),
  };
}

function run(exec: ExecConfig, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  const options = { env, signal, timeout: EXEC_TIMEOUT_MS, maxBuffer: EXEC_MAX_OUTPUT_BYTES };
  return new Promise((resolve, reject) => {
    const child = execFile(exec.command, [...exec.args], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const hint = 'code' in error && error.code === 'ENOENT' ? (exec.installHint ?? 'not installed') : '';
      const words = hint || stderr.trim().split('\n').at(-1) || errorMessage(error);
      reject(failure(exec, words.trim(), error));
    });
    child.stdin?.end();
  });
}

function parseExecCredential(text: string, exec: ExecConfig): ExecCredential {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    throw failure(exec, 'its output is not JSON', error);
  }
  // Read as optional strings only; each one is checked below.
  const { apiVersion, status } = (answer ?? {}) as {
    apiVersion?: unknown;
    status?: Record<string, unknown>;
  };
  if (apiVersion !== exec.apiVersion) {
    throw failure(exec, `it answered apiVersion ${String(apiVersion)}, asked was ${exec.apiVersion}`);
  }
  const read = (field: string): string | undefined => {
    const value = status?.[field];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const certificate = read('clientCertificateData');
  const key = read('clientKeyData');
  const token = read('token');
  if ((certificate === undefined) !== (key === undefined)) {
    throw failure(exec, 'it answered only one of clientCertificateData and clientKeyData');
  }
  if (!token && !certificate) throw failure(exec, 'it answered no token and no certificate');
  const expiresAtMs = Date.parse(read('expirationTimestamp') ?? '');
  return { token, certificate, key, expiresAtMs: Number.isNaN(expiresAtMs) ? undefined : expiresAtMs };
}

function failure(exec: ExecConfig, words: string, cause?: unknown): DeniedError {
  return new DeniedError(`credential plugin ${exec.command}: ${words}`, { code: 'ExecPlugin', cause });
}
