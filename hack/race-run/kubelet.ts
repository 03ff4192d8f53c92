import { join } from 'node:path';
import { stringify } from 'yaml';
import { CLUSTER_CIDR, CLUSTER_DNS, CLUSTER_DOMAIN } from '../sandbox/control-plane-flags.ts';
import { type SandboxNode, writeNodeFile } from '../sandbox/node.ts';
import { type Contestant, daemonStartedAtMs } from './contestant.ts';

interface KubeletOptions {
  readonly node: SandboxNode;
  /** Directory with the programs `kubelet` and `kube-proxy`. */
  readonly binDirectory: string;
  /** With the settings that people raise for speed, instead of the defaults. */
  readonly isTuned: boolean;
  /** Fields of a KubeletConfiguration on top of that. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

const DAEMONS = ['kubelet', 'kube-proxy'] as const;

/** The kubelet and kube-proxy of the control plane's version, with the node's own kubeconfig. */
export class Kubelet implements Contestant {
  readonly name = 'kubelet';
  readonly #node: SandboxNode;
  readonly #binDirectory: string;
  readonly #isTuned: boolean;
  readonly #settings: Readonly<Record<string, unknown>>;

  constructor({ node, binDirectory, isTuned, settings = {} }: KubeletOptions) {
    this.#node = node;
    this.#binDirectory = binDirectory;
    this.#isTuned = isTuned;
    this.#settings = settings;
  }

  get logPath(): string {
    return join(this.#node.directory, 'logs', 'kubelet.log');
  }

  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    const node = this.#node;
    const config = { ...buildKubeletConfig(this.#isTuned), ...this.#settings };
    await writeNodeFile(node, '/etc/nodelet/kubelet.yaml', stringify(config));
    await writeNodeFile(
      node,
      '/etc/nodelet/kube-proxy.yaml',
      stringify(buildProxyConfig(node, this.#isTuned)),
    );
    const kubelet = [
      '--config=/etc/nodelet/kubelet.yaml',
      '--kubeconfig=/etc/nodelet/kubeconfig',
      `--hostname-override=${node.name}`,
      `--node-ip=${node.address}`,
    ];
    await this.#startDaemon('kubelet', kubelet, signal);
    await this.#startDaemon('kube-proxy', ['--config=/etc/nodelet/kube-proxy.yaml'], signal);
  }

  async startedAtMs(): Promise<number> {
    return await daemonStartedAtMs(this.#node, 'kubelet');
  }

  async stop(): Promise<void> {
    await Promise.all(DAEMONS.map(daemon => this.#node.holder.endDaemon(daemon, 'SIGTERM')));
  }

  async kill(): Promise<void> {
    await Promise.all(DAEMONS.map(daemon => this.#node.holder.endDaemon(daemon, 'SIGKILL')));
  }

  async findPids(): Promise<readonly number[]> {
    const found = await Promise.all(DAEMONS.map(daemon => this.#node.holder.findDaemon(daemon)));
    return found.flatMap(identity => (identity === undefined ? [] : [identity.pid]));
  }

  async #startDaemon(
    name: (typeof DAEMONS)[number],
    args: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    if (await this.#node.holder.findDaemon(name)) return;
    const logPath = join(this.#node.directory, 'logs', `${name}.log`);
    await this.#node.holder.startDaemon(name, join(this.#binDirectory, name), args, { logPath, signal });
  }
}

/** Defaults, but for what this machine and this cluster need. */
function buildKubeletConfig(isTuned: boolean): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    clusterDNS: [CLUSTER_DNS],
    clusterDomain: CLUSTER_DOMAIN,
    authentication: { x509: { clientCAFile: '/etc/nodelet/ca.crt' } },
    tlsCertFile: '/etc/nodelet/serving.crt',
    tlsPrivateKeyFile: '/etc/nodelet/serving.key',
    ...(isTuned
      ? {
          serializeImagePulls: false,
          maxParallelImagePulls: 10,
          kubeAPIQPS: 500,
          kubeAPIBurst: 1000,
          eventRecordQPS: 500,
          eventBurst: 1000,
        }
      : {}),
  };
}

function buildProxyConfig({ name }: SandboxNode, isTuned: boolean): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: {
      kubeconfig: '/etc/nodelet/kubeconfig',
      ...(isTuned ? { qps: 500, burst: 1000 } : {}),
    },
    hostnameOverride: name,
    clusterCIDR: CLUSTER_CIDR,
    // A network namespace may not change the machine's own limits.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    ...(isTuned ? { mode: 'nftables' } : {}),
  };
}
