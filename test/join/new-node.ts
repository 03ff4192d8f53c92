// A machine that is about to join the shared cluster: a directory for its files, a name, and the cluster's CA to make it
// certificates of any age. No agent runs as it.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { stringify } from 'yaml';
import { ApiClient } from '../../agent/api/client.ts';
import type { NodeAddress } from '../../agent/api/objects.ts';
import { certificateSigningRequestsPath } from '../../agent/api/paths.ts';
import { parseConfig } from '../../agent/config/load-config.ts';
import { NodeCertificates } from '../../agent/join/node-certificates.ts';
import { buildKubeconfig } from '../../hack/sandbox/kubeconfig.ts';
import { type CertificateAuthority, issueCertificate } from '../../hack/sandbox/pki/certificate.ts';
import type { TestCluster } from '../support/cluster.ts';
import { linesOf } from '../support/log-lines.ts';

const HOUR_MS = 3_600_000;

interface SigningRequest {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly signerName: string; readonly username: string };
  readonly status?: { readonly certificate?: string };
}

interface List<T> {
  readonly items: readonly T[];
}

interface Review {
  readonly status: { readonly userInfo: { readonly username: string; readonly groups: readonly string[] } };
}

export class NewNode {
  /** What its kubeconfigs say. */
  server: string;
  readonly name = `join-${randomBytes(3).toString('hex')}`;
  readonly directory = mkdtempSync(join(tmpdir(), 'nodelet-join-'));
  readonly log = linesOf('info');
  readonly stop = new AbortController();
  addresses: readonly NodeAddress[] = [];
  readonly #cluster: TestCluster;

  constructor(t: Test, cluster: TestCluster) {
    this.#cluster = cluster;
    this.server = cluster.sandbox.server;
    t.teardown(() => {
      this.stop.abort();
      rmSync(this.directory, { recursive: true });
    });
  }

  get signal(): AbortSignal {
    return this.stop.signal;
  }

  get kubeconfigPath(): string {
    return join(this.directory, 'kubeconfig');
  }

  get pkiDirectory(): string {
    return join(this.directory, 'pki');
  }

  get pkiFiles(): readonly string[] {
    return readdirSync(this.pkiDirectory).sort();
  }

  readPki(name: string): string {
    return readFileSync(join(this.pkiDirectory, name), 'utf8');
  }

  get authority(): CertificateAuthority {
    const { pki } = this.#cluster.sandbox.paths;
    const read = (file: string): string => readFileSync(join(pki, file), 'utf8');
    return { name: 'kubernetes', certificate: read('ca.crt'), key: read('ca.key') };
  }

  /** A kubeconfig with a client certificate that became valid and ends that many hours from now. */
  writeKubeconfig(fromHours: number, toHours: number): void {
    const at = (hours: number): Date => new Date(Date.now() + hours * HOUR_MS);
    const client = issueCertificate(this.authority, {
      commonName: `system:node:${this.name}`,
      organizations: ['system:nodes'],
      usages: ['client'],
      notBefore: at(fromHours),
      notAfter: at(toHours),
    });
    const text = buildKubeconfig({
      server: this.server,
      authorityCertificate: this.authority.certificate,
      user: 'node',
      client,
    });
    writeFileSync(this.kubeconfigPath, text);
  }

  writeBootstrapKubeconfig(token: string): void {
    const cluster = {
      server: this.server,
      'certificate-authority-data': Buffer.from(this.authority.certificate).toString('base64'),
    };
    const text = stringify({
      'current-context': 'c',
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { token } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    });
    writeFileSync(join(this.directory, 'bootstrap-kubeconfig'), text);
  }

  /** As `nodelet run` does it: returns when the node can talk to the API server as itself. */
  async prepare(settings: object = {}): Promise<NodeCertificates> {
    const file = stringify({
      kind: 'KubeletConfiguration',
      rotateCertificates: true,
      ...settings,
      nodelet: {
        kubeconfig: this.kubeconfigPath,
        bootstrapKubeconfig: join(this.directory, 'bootstrap-kubeconfig'),
        certDir: this.pkiDirectory,
      },
    });
    const loaded = parseConfig({
      flags: [],
      files: [{ path: join(this.directory, 'config.yaml'), text: file }],
      workingDir: '/',
      hostname: this.name,
    });
    if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
    const { logger } = this.log;
    const deps = { config: loaded.config, userAgent: 'nodelet-test', logger, onWaiting: () => {} };
    return await NodeCertificates.prepare(deps, { signal: this.signal });
  }

  async connect(certificates: NodeCertificates): Promise<ApiClient> {
    const { clientPemPath } = certificates;
    const { kubeconfigPath, signal } = this;
    const { logger } = this.log;
    return await ApiClient.connect({
      kubeconfigPath,
      clientPemPath,
      userAgent: 'nodelet-test',
      logger,
      signal,
    });
  }

  async signingRequests(signer: 'kube-apiserver-client-kubelet' | 'kubelet-serving') {
    const { items } = await this.#cluster.api.get<List<SigningRequest>>(certificateSigningRequestsPath, this);
    return items.filter(
      ({ spec }) =>
        spec.username === `system:node:${this.name}` && spec.signerName === `kubernetes.io/${signer}`,
    );
  }
}

/** Makes a bootstrap token as `kubeadm token create` does and returns it. */
export async function createBootstrapToken(cluster: TestCluster, expiration?: Date): Promise<string> {
  const id = randomBytes(3).toString('hex');
  const secret = randomBytes(8).toString('hex');
  const stringData = {
    'token-id': id,
    'token-secret': secret,
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
    ...(expiration === undefined ? {} : { expiration: expiration.toISOString() }),
  };
  const body = {
    metadata: { name: `bootstrap-token-${id}` },
    type: 'bootstrap.kubernetes.io/token',
    stringData,
  };
  const { signal } = new AbortController();
  await cluster.api.create('/api/v1/namespaces/kube-system/secrets', body, { signal });
  return `${id}.${secret}`;
}

/** Who the API server thinks we are. */
export async function whoAmI(api: ApiClient): Promise<string> {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const { signal } = new AbortController();
  return (await api.create<Review>(path, body, { signal, timeoutMs: 5000 })).status.userInfo.username;
}
