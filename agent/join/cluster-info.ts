// Finding a cluster with nothing but a token: the public ConfigMap kube-public/cluster-info, read from a server that is
// not trusted yet. It is believed when the token's secret has signed it and the CA in it is the pinned one.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { parse, stringify } from 'yaml';
import { type ClusterConfig, parseKubeconfig } from '../api/kubeconfig.ts';
import { DeniedError, InvalidError, UnavailableError } from '../lib/errors.ts';
import { askServer } from './ask-server.ts';
import { type BootstrapToken, isPinned, pinsOf } from './join-token.ts';

export interface DiscoveryRequest {
  readonly server: string;
  readonly token: BootstrapToken;
  /** Empty: whoever knows the token's secret is believed. */
  readonly caPins: readonly string[];
}

const CLUSTER_INFO_PATH = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
// A certificate that is made now is valid from a few minutes ago.
const MAX_CLOCK_SKEW_MS = 300_000;
const NEW_TOKEN = 'make a new one with `kubeadm token create --print-join-command`';

/** Throws UnavailableError, DeniedError or InvalidError with one clear line. */
export async function discoverCluster(
  request: DiscoveryRequest,
  options: { readonly signal: AbortSignal },
): Promise<ClusterConfig> {
  const { server } = request;
  const first = await fetchClusterInfo(server, undefined, options);
  checkClock(server, first.dateMs, Date.now());
  const cluster = verifyClusterInfo(first.data, request);
  // Once more, trusting that CA alone: the server that answered has to have a certificate by it.
  const ca = cluster.ca?.kind === 'data' ? cluster.ca.content : undefined;
  const second = await fetchClusterInfo(server, ca, options);
  if (second.data['kubeconfig'] !== first.data['kubeconfig']) {
    throw new DeniedError(`${server} answers with two different clusters: is there a proxy in between?`, {
      code: 'ClusterInfoChanged',
    });
  }
  return cluster;
}

/** The pure part: what the ConfigMap says, if the token and the pins vouch for it. */
export function verifyClusterInfo(
  data: Readonly<Record<string, string>>,
  { server, token, caPins }: DiscoveryRequest,
): ClusterConfig {
  const kubeconfig = data['kubeconfig'];
  if (kubeconfig === undefined) {
    throw new InvalidError(`${server} has no cluster-info: it is no cluster of kubeadm`, {
      code: 'NoClusterInfo',
    });
  }
  const signature = data[`jws-kubeconfig-${token.id}`];
  if (signature === undefined) {
    const message = `the cluster does not know the token ${token.id}: expired, deleted, or of another cluster; ${NEW_TOKEN}`;
    throw new DeniedError(message, { code: 'UnknownToken' });
  }
  if (!isSignedBy(signature, kubeconfig, token)) {
    const message = `the second part of the token ${token.id} is wrong, or this is not the cluster it was made in; ${NEW_TOKEN}`;
    throw new DeniedError(message, { code: 'WrongToken' });
  }
  const { cluster } = parseKubeconfig(withContext(kubeconfig), 'cluster-info');
  const ca = cluster.ca?.kind === 'data' ? cluster.ca.content : '';
  if (caPins.length > 0 && !isPinned(ca, caPins)) {
    const found = pinsOf(ca).map(pin => `sha256:${pin}`);
    const message = `the CA of ${server} is ${found.join(', ') || 'not told'}, which is not the hash that was given: is it this cluster?`;
    throw new DeniedError(message, { code: 'WrongCA' });
  }
  return cluster;
}

/** A JWS with detached content (RFC 7515, appendix F). */
function isSignedBy(jws: string, content: string, { id, secret }: BootstrapToken): boolean {
  const [header = '', detached, signature = ''] = jws.split('.');
  if (detached !== '') return false;
  let fields: unknown;
  try {
    fields = JSON.parse(Buffer.from(header, 'base64url').toString());
  } catch {
    return false; // no signature at all
  }
  if (typeof fields !== 'object' || fields === null || !('alg' in fields) || !('kid' in fields)) return false;
  if (fields.alg !== 'HS256' || fields.kid !== id) return false;
  const payload = Buffer.from(content).toString('base64url');
  const expected = createHmac('sha256', secret).update(`${header}.${payload}`).digest();
  const given = Buffer.from(signature, 'base64url');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** The ConfigMap's kubeconfig has one cluster, often without a name, and no context. */
function withContext(kubeconfig: string): string {
  const root: unknown = parse(kubeconfig);
  const clusters = typeof root === 'object' && root !== null && 'clusters' in root ? root.clusters : [];
  const first: unknown = Array.isArray(clusters) ? clusters[0] : undefined;
  const cluster = typeof first === 'object' && first !== null && 'cluster' in first ? first.cluster : {};
  return stringify({
    clusters: [{ name: 'cluster', cluster }],
    contexts: [{ name: 'context', context: { cluster: 'cluster' } }],
    'current-context': 'context',
  });
}

async function fetchClusterInfo(
  server: string,
  ca: string | undefined,
  options: { readonly signal: AbortSignal },
) {
  const { status, text, dateMs } = await askServer(server, { path: CLUSTER_INFO_PATH, ca }, options);
  return { data: readData(server, status, text), dateMs };
}

function readData(server: string, status: number, body: string): Readonly<Record<string, string>> {
  if (status === 404 || status === 403 || status === 401) {
    const text = `${server} does not publish kube-public/cluster-info (HTTP ${status}): join with --bootstrap-kubeconfig`;
    throw new InvalidError(text, { code: 'NoClusterInfo' });
  }
  if (status !== 200)
    throw new UnavailableError(`${server} answers HTTP ${status}`, { code: `HTTP${status}` });
  try {
    const { data } = JSON.parse(body) as { data?: Record<string, string> }; // a ConfigMap
    return data ?? {};
  } catch (error) {
    throw new InvalidError(`${server} is no API server: its answer is not JSON`, {
      code: 'NoJSON',
      cause: error,
    });
  }
}

function checkClock(server: string, theirMs: number | undefined, ourMs: number): void {
  if (theirMs === undefined || Math.abs(theirMs - ourMs) <= MAX_CLOCK_SKEW_MS) return;
  const minutes = Math.round(Math.abs(theirMs - ourMs) / 60_000);
  const direction = ourMs < theirMs ? 'behind' : 'ahead of';
  const message = `this machine's clock is ${minutes} minutes ${direction} that of ${server}: certificates would not be valid; set it, e.g. with \`timedatectl set-ntp true\``;
  throw new DeniedError(message, { code: 'Clock' });
}
