// A read-only registry on each node's loopback: what the suite pulls comes from there, by the names it asks for.
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type SandboxNode, writeNodeFile } from '../sandbox/node.ts';

const DAEMON = 'registry';
const ADDRESS = '127.0.0.1:5580'; // 5000 is what the suite's own registry takes on the node
const MIRRORED = ['registry.k8s.io', 'docker.io'];

export async function ensureRegistry(
  node: SandboxNode,
  store: string,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  for (const host of MIRRORED)
    await writeNodeFile(node, `/etc/containerd/certs.d/${host}/hosts.toml`, mirrorConfig(host));
  await writeNodeFile(node, '/etc/nodelet/registry.yaml', stringify(registryConfig(store)));
  if (await node.holder.findDaemon(DAEMON)) return;
  const logPath = join(node.directory, 'logs', 'registry.log');
  const args = ['serve', '/etc/nodelet/registry.yaml'];
  await node.holder.startDaemon(DAEMON, 'docker-registry', args, { logPath, signal });
}

/** containerd's hosts.toml: the mirror, then the registry itself, which no node can reach. */
function mirrorConfig(host: string): string {
  return `server = "https://${host}"\n\n[host."http://${ADDRESS}"]\n  capabilities = ["pull", "resolve"]\n`;
}

function registryConfig(store: string): object {
  return {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: store }, maintenance: { readonly: { enabled: true } } },
    http: { addr: ADDRESS },
  };
}
