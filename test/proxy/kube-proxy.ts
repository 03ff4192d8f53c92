// The real kube-proxy on a node, beside or instead of nodelet's.
import { join } from 'node:path';
import { stringify } from 'yaml';
import { CLUSTER_CIDR } from '../../hack/sandbox/control-plane-flags.ts';
import { type SandboxNode, writeNodeFile } from '../../hack/sandbox/node.ts';
import type { Sandbox } from '../../hack/sandbox/sandbox.ts';

const NAME = 'kube-proxy';

export class KubeProxy {
  readonly #sandbox: Sandbox;
  readonly #node: SandboxNode;

  constructor(sandbox: Sandbox, node: SandboxNode) {
    this.#sandbox = sandbox;
    this.#node = node;
  }

  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    await writeNodeFile(this.#node, '/etc/nodelet/kube-proxy.yaml', stringify(this.#config()));
    const logPath = join(this.#node.directory, 'logs', `${NAME}.log`);
    const program = join(this.#sandbox.paths.bin, NAME);
    const args = ['--config=/etc/nodelet/kube-proxy.yaml'];
    await this.#node.holder.startDaemon(NAME, program, args, { logPath, signal });
  }

  async stop(): Promise<void> {
    await this.#node.holder.endDaemon(NAME, 'SIGTERM');
  }

  #config(): object {
    return {
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      clientConnection: { kubeconfig: '/etc/nodelet/kubeconfig' },
      hostnameOverride: this.#node.name,
      clusterCIDR: CLUSTER_CIDR,
      // A network namespace may not change the machine's own limits.
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    };
  }
}
