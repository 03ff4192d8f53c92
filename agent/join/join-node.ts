// A machine becomes a node of a cluster. The order is that of trust: find the cluster, look that the name is free, get an
// own certificate, and only then write down where the agent finds all that. Doing it again changes nothing.

import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ApiClient } from '../api/client.ts';
import { type ClusterConfig, readKubeconfig } from '../api/kubeconfig.ts';
import type { Node } from '../api/objects.ts';
import { configMapPath, nodePath } from '../api/paths.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { DeniedError, InvalidError, NotFoundError, UnavailableError } from '../lib/errors.ts';
import { ifThere, pathExists } from '../lib/if-there.ts';
import { createSilentLogger } from '../lib/logger.ts';
import { CLIENT } from './certificate-manager.ts';
import { NO_NAMES } from './certificate-request.ts';
import { requestCertificate } from './certificate-signing.ts';
import { CertificateStore } from './certificate-store.ts';
import { type DiscoveryRequest, discoverCluster } from './cluster-info.ts';
import { joinK3s } from './join-k3s.ts';
import { formatBootstrapToken } from './join-token.ts';
import type { K3sToken } from './k3s-token.ts';
import { type KubeconfigUser, readClientPair, writeKubeconfig } from './kubeconfig-file.ts';
import { mergeConfig } from './merge-config.ts';

export type JoinSource =
  | ({ readonly kind: 'token' } & DiscoveryRequest)
  | { readonly kind: 'k3s'; readonly server: string; readonly token: K3sToken; readonly passwordPath: string }
  | { readonly kind: 'bootstrapKubeconfig'; readonly path: string }
  | { readonly kind: 'kubeconfig'; readonly path: string };

type BootstrapSource = Exclude<JoinSource, { kind: 'k3s' }>;
type BootstrapRequest = JoinRequest & { readonly source: BootstrapSource };

export interface JoinRequest {
  readonly source: JoinSource;
  readonly nodeName: string;
  readonly nodeIP: string | undefined;
  /** `/etc/nodelet`: config.yaml, kubeconfig, ca.crt. */
  readonly directory: string;
  /** `/var/lib/kubelet/pki` */
  readonly certDir: string;
  readonly userAgent: string;
  /** How long an approval is waited for. */
  readonly timeoutMs: number;
  readonly report: (step: string) => void;
}

export type JoinOutcome =
  | { readonly kind: 'joined'; readonly server: string; readonly configPath: string }
  | { readonly kind: 'alreadyJoined'; readonly server: string };

interface Options {
  readonly signal: AbortSignal;
}

const REQUEST_TIMEOUT_MS = 10_000;

/** Throws UnavailableError, DeniedError or InvalidError with one clear line. */
export async function joinNode(request: JoinRequest, options: Options): Promise<JoinOutcome> {
  const paths = pathsOf(request.directory);
  const { source } = request;
  if (source.kind === 'k3s') return await joinServerOfK3s(request, source, paths, options);
  const bootstrapped: BootstrapRequest = { ...request, source };
  const cluster = await findCluster(bootstrapped, options);
  const present = await findPresent(request, paths.kubeconfig, cluster, options);
  if (present !== undefined) return present;
  await mkdir(request.directory, { recursive: true, mode: 0o750 });
  const settings =
    source.kind === 'kubeconfig'
      ? await takeKubeconfig(request, source.path, options)
      : await bootstrap(bootstrapped, cluster, options);
  await writeAuthority(cluster, paths.authority);
  await writeConfig(request, paths, settings);
  return { kind: 'joined', server: cluster.server, configPath: paths.config };
}

async function joinServerOfK3s(
  request: JoinRequest,
  { server, token, passwordPath }: Extract<JoinSource, { kind: 'k3s' }>,
  paths: Paths,
  options: Options,
): Promise<JoinOutcome> {
  if (await pathExists(paths.kubeconfig)) {
    checkSameCluster((await readKubeconfig(paths.kubeconfig)).cluster.server, server);
  }
  const places = { kubeconfigPath: paths.kubeconfig, authorityPath: paths.authority, passwordPath };
  const joined = await joinK3s({ ...request, ...places, server, token }, options);
  const { nodeIP, settings: cluster, hasOtherProxy } = joined;
  await writeConfig({ ...request, nodeIP }, paths, {
    cluster,
    bootstrapKubeconfig: undefined,
    hasOtherProxy,
  });
  return { kind: 'joined', server, configPath: paths.config };
}

function checkSameCluster(present: string, asked: string): void {
  if (present === asked) return;
  const message = `this machine is a node of ${present}: \`nodelet leave\` first`;
  throw new InvalidError(message, { code: 'OtherCluster' });
}

interface Paths {
  readonly config: string;
  readonly kubeconfig: string;
  readonly bootstrapKubeconfig: string;
  readonly authority: string;
}

function pathsOf(directory: string): Paths {
  return {
    config: join(directory, 'config.yaml'),
    kubeconfig: join(directory, 'kubeconfig'),
    bootstrapKubeconfig: join(directory, 'bootstrap-kubeconfig'),
    authority: join(directory, 'ca.crt'),
  };
}

async function findCluster({ source, report }: BootstrapRequest, options: Options): Promise<ClusterConfig> {
  if (source.kind !== 'token') return (await readKubeconfig(source.path)).cluster;
  report(`looking for the cluster at ${source.server}`);
  return await discoverCluster(source, options);
}

/** The node that this machine is already, by the credentials it has; undefined when it has to be made one. */
async function findPresent(
  request: JoinRequest,
  kubeconfigPath: string,
  cluster: ClusterConfig,
  options: Options,
): Promise<JoinOutcome | undefined> {
  const present = (await pathExists(kubeconfigPath)) ? await readKubeconfig(kubeconfigPath) : undefined;
  if (present === undefined) return undefined;
  const { server } = present.cluster;
  checkSameCluster(server, cluster.server);
  try {
    const user = await withClient(request, kubeconfigPath, async api => await whoIs(api, options));
    return user === `system:node:${request.nodeName}` ? { kind: 'alreadyJoined', server } : undefined;
  } catch (error) {
    // Expired, or of a cluster that was made anew at the same address: it gets new ones.
    if (error instanceof DeniedError || error instanceof InvalidError) return undefined;
    throw error;
  }
}

interface Settings {
  readonly cluster: Readonly<Record<string, unknown>>;
  readonly bootstrapKubeconfig: string | undefined;
  /** Undefined: nobody has said so. */
  readonly hasOtherProxy?: boolean;
}

async function bootstrap(
  request: BootstrapRequest,
  cluster: ClusterConfig,
  options: Options,
): Promise<Settings> {
  const { source, directory } = request;
  const paths = pathsOf(directory);
  if (source.kind === 'token') {
    const user: KubeconfigUser = { kind: 'token', token: formatBootstrapToken(source.token) };
    await writeKubeconfig(paths.bootstrapKubeconfig, cluster, user);
  } else if (source.path !== paths.bootstrapKubeconfig) {
    await writeFileAtomic(paths.bootstrapKubeconfig, await readFile(source.path), 0o600);
  }
  return await withClient(request, paths.bootstrapKubeconfig, async api => {
    await checkNameIsFree(api, request.nodeName, options);
    const settings = await readClusterSettings(api, options);
    const store = new CertificateStore(request.certDir, 'kubelet-client');
    await issue(api, store, request, options);
    await writeKubeconfig(paths.kubeconfig, cluster, { kind: 'pem', path: store.currentPath });
    const found = { cluster: settings, hasOtherProxy: await hasKubeProxy(api, options) };
    if (source.kind !== 'token') return { ...found, bootstrapKubeconfig: paths.bootstrapKubeconfig };
    await rm(paths.bootstrapKubeconfig); // a token is for one join
    return { ...found, bootstrapKubeconfig: undefined };
  });
}

/** As kubeadm: two machines with one name would take turns in one Node object. */
async function checkNameIsFree(api: ApiClient, nodeName: string, options: Options): Promise<void> {
  try {
    const node = await api.get<Node>(nodePath(nodeName), { ...options, timeoutMs: REQUEST_TIMEOUT_MS });
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status !== 'True') return;
  } catch (error) {
    if (error instanceof NotFoundError || isForbidden(error)) return;
    throw error;
  }
  const message = `a Node with name "${nodeName}" and status "Ready" already exists in the cluster: choose another --node-name, or delete it first`;
  throw new InvalidError(message, { code: 'NameTaken' });
}

async function issue(
  api: ApiClient,
  store: CertificateStore,
  { nodeName, timeoutMs, report }: JoinRequest,
  { signal }: Options,
): Promise<void> {
  report(`asking for a certificate as ${nodeName}`);
  const key = await store.ensurePendingKey();
  const subject = { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] };
  const deps = { client: api, logger: createSilentLogger() };
  const request = { ...CLIENT, subject, names: NO_NAMES, key };
  const outcome = await requestCertificate(deps, request, { signal, timeoutMs });
  switch (outcome.kind) {
    case 'issued':
      await store.replace(outcome.certificate, key, Date.now());
      return;
    case 'refused':
      await store.dropPendingKey();
      throw new DeniedError(outcome.message, { code: 'Refused' });
    case 'waiting': {
      const text = `nobody has approved the certificate yet: \`kubectl certificate approve ${outcome.name}\`, then join again`;
      throw new UnavailableError(text, { code: 'NotApproved' });
    }
  }
}

/** What kubeadm tells all nodes of the cluster; a cluster of another kind has nothing to say. */
async function readClusterSettings(api: ApiClient, options: Options): Promise<Record<string, unknown>> {
  try {
    const path = configMapPath('kube-system', 'kubelet-config');
    const map = await api.get<{ data?: { kubelet?: string } }>(path, {
      ...options,
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
    const settings: unknown = parse(map.data?.kubelet ?? '');
    return typeof settings === 'object' && settings !== null ? { ...settings } : {};
  } catch (error) {
    if (error instanceof NotFoundError || isForbidden(error)) return {};
    throw error;
  }
}

/** kubeadm's clusters have one on every node, and let who joins read its settings. */
async function hasKubeProxy(api: ApiClient, options: Options): Promise<boolean> {
  try {
    const path = configMapPath('kube-system', 'kube-proxy');
    await api.get(path, { ...options, timeoutMs: REQUEST_TIMEOUT_MS });
    return true;
  } catch (error) {
    if (error instanceof NotFoundError || isForbidden(error)) return false;
    throw error;
  }
}

/** A kubeconfig that works already, of the node itself. */
async function takeKubeconfig(request: JoinRequest, from: string, options: Options): Promise<Settings> {
  const user = await withClient(request, from, async api => await whoIs(api, options));
  if (user !== `system:node:${request.nodeName}`) {
    const message = `the kubeconfig ${from} is of ${user}, expected system:node:${request.nodeName}: say its --node-name, or give --bootstrap-kubeconfig`;
    throw new InvalidError(message, { code: 'OtherUser' });
  }
  const kubeconfig = await readKubeconfig(from);
  const pair = await readClientPair(kubeconfig);
  const { kubeconfig: to } = pathsOf(request.directory);
  if (pair === undefined) await writeFileAtomic(to, await readFile(from), 0o600);
  else {
    const store = new CertificateStore(request.certDir, 'kubelet-client');
    await store.replace(pair.certificate, pair.key, Date.now());
    await writeKubeconfig(to, kubeconfig.cluster, { kind: 'pem', path: store.currentPath });
  }
  const cluster = await withClient(request, to, async api => await readClusterSettings(api, options));
  return { cluster, bootstrapKubeconfig: undefined };
}

async function writeAuthority({ ca }: ClusterConfig, path: string): Promise<void> {
  if (ca === undefined) return;
  const content = ca.kind === 'data' ? ca.content : await readFile(ca.path, 'utf8');
  await writeFileAtomic(path, content, 0o644);
}

async function writeConfig(
  { nodeName, nodeIP, certDir, source, report }: JoinRequest,
  paths: Paths,
  { cluster, bootstrapKubeconfig, hasOtherProxy = false }: Settings,
): Promise<void> {
  if (hasOtherProxy)
    report('this cluster has a kube-proxy: nodelet leaves Services to it, unless told otherwise');
  const before = (await ifThere(readFile(paths.config, 'utf8'))) ?? '';
  const nodelet = { kubeconfig: paths.kubeconfig, bootstrapKubeconfig, certDir, hostnameOverride: nodeName };
  const text = mergeConfig(before, {
    cluster,
    nodelet: nodeIP === undefined ? nodelet : { ...nodelet, nodeIP },
    clientCAFile: paths.authority,
    rotatesCertificates: source.kind !== 'k3s',
    hasOtherProxy,
  });
  if (text !== before) await writeFileAtomic(paths.config, text, 0o644);
}

async function withClient<T>(
  { userAgent }: JoinRequest,
  kubeconfigPath: string,
  use: (api: ApiClient) => Promise<T>,
): Promise<T> {
  const { signal } = new AbortController(); // bounds reading the files only
  const api = await ApiClient.connect({ kubeconfigPath, userAgent, logger: createSilentLogger(), signal });
  try {
    return await use(api);
  } finally {
    await api.close();
  }
}

/** Who the API server thinks we are. */
async function whoIs(api: ApiClient, options: Options): Promise<string> {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const limits = { ...options, timeoutMs: REQUEST_TIMEOUT_MS };
  const review = await api.create<{ status?: { userInfo?: { username?: string } } }>(path, body, limits);
  return review.status?.userInfo?.username ?? 'nobody';
}

function isForbidden(error: unknown): boolean {
  return error instanceof DeniedError && error.code === 'Forbidden';
}
