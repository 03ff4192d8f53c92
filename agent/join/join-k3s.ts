// A machine becomes a node of a k3s cluster. Certificates come from the server's own endpoints, not by CSR objects, so said
// again it renews them.

import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ClusterConfig } from '../api/kubeconfig.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { ifThere } from '../lib/if-there.ts';
import { CertificateStore } from './certificate-store.ts';
import { type K3sConfig, K3sServer } from './k3s-server.ts';
import type { K3sToken } from './k3s-token.ts';
import { writeKubeconfig } from './kubeconfig-file.ts';

export interface K3sJoin {
  readonly server: string;
  readonly token: K3sToken;
  readonly nodeName: string;
  readonly nodeIP: string | undefined;
  readonly certDir: string;
  readonly directory: string;
  readonly kubeconfigPath: string;
  readonly authorityPath: string;
  /** `/etc/rancher/node/password`, which an agent of k3s on this machine has too. */
  readonly passwordPath: string;
  readonly report: (step: string) => void;
}

export interface K3sJoined {
  readonly nodeIP: string;
  /** Fields of a KubeletConfiguration. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The cluster makes Services reachable by something else than kube-proxy. */
  readonly hasOtherProxy: boolean;
}

interface Options {
  readonly signal: AbortSignal;
}

export async function joinK3s(request: K3sJoin, options: Options): Promise<K3sJoined> {
  const { server: url, token, nodeName, certDir, directory, report } = request;
  report(`looking for the cluster at ${url}`);
  const server = await K3sServer.find(url, token, options);
  const nodeIP = request.nodeIP ?? server.localAddress;
  const node = { name: nodeName, password: await ensureNodePassword(request.passwordPath) };
  const config = await server.readConfig(options);
  report(`asking for certificates as ${nodeName}, address ${nodeIP}`);
  const client = await server.issue('client-kubelet', node, nodeIP, options);
  const serving = await server.issue('serving-kubelet', node, nodeIP, options);
  const clientAuthority = await server.readText('client-ca.crt', options);
  await mkdir(directory, { recursive: true, mode: 0o750 });
  const store = new CertificateStore(certDir, 'kubelet-client');
  await store.replace(client.certificate, client.key, Date.now());
  const tlsPrivateKeyFile = join(directory, 'serving.key');
  const tlsCertFile = join(directory, 'serving.crt');
  await writeFileAtomic(tlsPrivateKeyFile, serving.key, 0o600);
  await writeFileAtomic(tlsCertFile, serving.certificate, 0o644);
  await writeFileAtomic(request.authorityPath, clientAuthority, 0o644);
  const cluster: ClusterConfig = {
    server: url,
    ca: { kind: 'data', content: server.ca },
    isInsecure: false,
    tlsServerName: undefined,
  };
  await writeKubeconfig(request.kubeconfigPath, cluster, { kind: 'pem', path: store.currentPath });
  warnAboutTunnel(config, report);
  const settings = { ...settingsOf(config), tlsCertFile, tlsPrivateKeyFile };
  return { nodeIP, settings, hasOtherProxy: config.DisableKubeProxy === true };
}

// The pods that k3s makes for each Service of the type LoadBalancer forward packets.
const SERVICE_LB_SYSCTLS = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'];

/** What an agent of k3s tells its kubelet. */
function settingsOf({ ClusterDNS, ClusterDNSs, ClusterDomain, DisableServiceLB }: K3sConfig) {
  const clusterDNS = ClusterDNSs ?? (ClusterDNS === undefined ? [] : [ClusterDNS]);
  return {
    ...(clusterDNS.length === 0 ? {} : { clusterDNS }),
    ...(ClusterDomain === undefined ? {} : { clusterDomain: ClusterDomain }),
    ...(DisableServiceLB === true ? {} : { allowedUnsafeSysctls: SERVICE_LB_SYSCTLS }),
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true } },
    authorization: { mode: 'Webhook' },
    failSwapOn: false,
  };
}

function warnAboutTunnel({ EgressSelectorMode }: K3sConfig, report: (step: string) => void): void {
  if (EgressSelectorMode === undefined || EgressSelectorMode === 'disabled') return;
  report(
    `the server reaches its agents through tunnels (egress-selector-mode ${EgressSelectorMode}), which nodelet has not: kubectl logs and exec work with \`k3s server --egress-selector-mode=disabled\``,
  );
}

/** Kept for good: the server remembers it with the name. */
async function ensureNodePassword(path: string): Promise<string> {
  const known = await ifThere(readFile(path, 'utf8'));
  if (known !== undefined) return known.trim();
  const password = randomBytes(16).toString('hex');
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeFileAtomic(path, `${password}\n`, 0o600);
  return password;
}
