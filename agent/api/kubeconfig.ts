import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { parse } from 'yaml';
import { errorMessage, InvalidError } from '../lib/errors.ts';
import { isMissing } from '../lib/if-there.ts';
import { isRecord } from '../lib/is-record.ts';

/** Bytes written into the kubeconfig, or a file that is read again when it changes. */
export type Material =
  | { readonly kind: 'data'; readonly content: string }
  | { readonly kind: 'file'; readonly path: string };

/** A credential plugin, `client.authentication.k8s.io`. */
export interface ExecConfig {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly provideClusterInfo: boolean;
  readonly installHint: string | undefined;
}

export interface ClusterConfig {
  /** Without a trailing slash; may contain a path. */
  readonly server: string;
  readonly ca: Material | undefined;
  readonly isInsecure: boolean;
  readonly tlsServerName: string | undefined;
}

export interface UserConfig {
  readonly clientCertificate: Material | undefined;
  readonly clientKey: Material | undefined;
  readonly token: Material | undefined;
  readonly basic: { readonly username: string; readonly password: string } | undefined;
  readonly exec: ExecConfig | undefined;
}

export interface Kubeconfig {
  readonly path: string;
  readonly cluster: ClusterConfig;
  readonly user: UserConfig;
}

const EXEC_API_VERSIONS = new Set([
  'client.authentication.k8s.io/v1',
  'client.authentication.k8s.io/v1beta1',
]);

type Mapping = Readonly<Record<string, unknown>>;

/** Reads a kubeconfig file; `context` replaces its current-context. Throws InvalidError with one clear line. */
export async function readKubeconfig(path: string, context?: string): Promise<Kubeconfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const message = isMissing(error)
      ? `kubeconfig ${path} does not exist: join the cluster first, or name another file`
      : `kubeconfig ${path} cannot be read: ${errorMessage(error)}`;
    throw new InvalidError(message, { code: 'Kubeconfig', cause: error });
  }
  return parseKubeconfig(text, path, context);
}

export function parseKubeconfig(text: string, path: string, context?: string): Kubeconfig {
  const fail = (problem: string): never => {
    throw new InvalidError(`kubeconfig ${path}: ${problem}`, { code: 'Kubeconfig' });
  };
  let root: unknown;
  try {
    root = parse(text);
  } catch (error) {
    return fail(`not valid YAML: ${errorMessage(error).split('\n')[0]}`);
  }
  if (!isRecord(root)) return fail('empty, or not a mapping');
  const contextName = context ?? asText(root['current-context']);
  if (!contextName) return fail('current-context is not set');
  const chosen = named(root, 'contexts', 'context', contextName) ?? fail(`no context "${contextName}"`);
  const clusterName = asText(chosen['cluster']) ?? '';
  const cluster = named(root, 'clusters', 'cluster', clusterName) ?? fail(`no cluster "${clusterName}"`);
  const userName = asText(chosen['user']);
  const user = userName ? (named(root, 'users', 'user', userName) ?? fail(`no user "${userName}"`)) : {};
  const read = new FieldReader(path, fail);
  return { path, cluster: parseCluster(cluster, read, fail), user: parseUser(user, read, fail) };
}

type Fail = (problem: string) => never;

function parseCluster(cluster: Mapping, read: FieldReader, fail: Fail): ClusterConfig {
  const server = asText(cluster['server']) ?? fail('cluster.server is not set');
  if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol)) {
    fail(`cluster.server "${server}" is not an http(s) URL`);
  }
  if (asText(cluster['proxy-url'])) fail('cluster.proxy-url is not supported: connect directly');
  const ca = read.material(cluster, 'certificate-authority');
  const isInsecure = cluster['insecure-skip-tls-verify'] === true;
  if (ca && isInsecure) fail('certificate-authority and insecure-skip-tls-verify exclude each other');
  return {
    server: server.replace(/\/+$/, ''),
    ca,
    isInsecure,
    tlsServerName: asText(cluster['tls-server-name']),
  };
}

function parseUser(user: Mapping, read: FieldReader, fail: Fail): UserConfig {
  const clientCertificate = read.material(user, 'client-certificate');
  const clientKey = read.material(user, 'client-key');
  if (clientCertificate && !clientKey) fail('user.client-certificate is set and user.client-key is not');
  if (clientKey && !clientCertificate) fail('user.client-key is set and user.client-certificate is not');
  if (user['auth-provider'] !== undefined)
    fail('user.auth-provider is no longer supported: use user.exec instead');
  const tokenFile = asText(user['tokenFile']);
  const token = asText(user['token']);
  const username = asText(user['username']);
  if (asText(user['as'])) fail('user.as (impersonation) is not supported: a node acts as itself');
  return {
    clientCertificate,
    clientKey,
    token: tokenFile
      ? { kind: 'file', path: read.path(tokenFile) }
      : token
        ? { kind: 'data', content: token }
        : undefined,
    basic: username ? { username, password: asText(user['password']) ?? '' } : undefined,
    exec: isRecord(user['exec']) ? parseExec(user['exec'], read, fail) : undefined,
  };
}

function parseExec(exec: Mapping, read: FieldReader, fail: Fail): ExecConfig {
  const command = asText(exec['command']) ?? fail('user.exec.command is not set');
  const apiVersion = asText(exec['apiVersion']) ?? '';
  if (!EXEC_API_VERSIONS.has(apiVersion)) fail(`user.exec.apiVersion "${apiVersion}" is not supported`);
  if (exec['interactiveMode'] === 'Always')
    fail('user.exec.interactiveMode Always: a daemon cannot ask anybody');
  const variables = Array.isArray(exec['env']) ? exec['env'].filter(isRecord) : [];
  return {
    apiVersion,
    // A bare name is looked up in PATH, anything with a slash is relative to the kubeconfig.
    command: command.includes('/') ? read.path(command) : command,
    args: texts(exec['args']),
    env: Object.fromEntries(
      variables.map(entry => [asText(entry['name']) ?? '', asText(entry['value']) ?? '']),
    ),
    provideClusterInfo: exec['provideClusterInfo'] === true,
    installHint: asText(exec['installHint']),
  };
}

/** Reads the `x` (path) and `x-data` (base64) pairs; data wins. */
class FieldReader {
  readonly #directory: string;
  readonly #fail: Fail;

  constructor(kubeconfigPath: string, fail: Fail) {
    this.#directory = dirname(resolve(kubeconfigPath));
    this.#fail = fail;
  }

  path(value: string): string {
    return isAbsolute(value) ? value : resolve(this.#directory, value);
  }

  material(mapping: Mapping, field: string): Material | undefined {
    const data = asText(mapping[`${field}-data`]);
    if (data) {
      const content = Buffer.from(data, 'base64').toString('utf8');
      if (!content.includes('-----BEGIN')) this.#fail(`${field}-data is not base64 of PEM`);
      return { kind: 'data', content };
    }
    const path = asText(mapping[field]);
    return path ? { kind: 'file', path: this.path(path) } : undefined;
  }
}

function named(root: Mapping, list: string, item: string, name: string): Mapping | undefined {
  const entries: unknown = root[list];
  if (!Array.isArray(entries)) return undefined;
  const entry: unknown = entries.find(candidate => isRecord(candidate) && candidate['name'] === name);
  if (!isRecord(entry)) return undefined;
  const value = entry[item];
  return isRecord(value) ? value : {};
}

/** A non-empty string. */
function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : [];
}
