import type { HostAlias } from '../api/objects.ts';

const HEADER = '# Kubernetes-managed hosts file.';
const HOST_NETWORK_HEADER = '# Kubernetes-managed hosts file (host network).';
const LOCAL_ENTRIES = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
];

/** /etc/hosts of a pod with its own network. */
export function buildHostsFile(pod: {
  readonly podIPs: readonly string[];
  readonly hostname: string;
  readonly domain: string;
  readonly hostAliases: readonly HostAlias[];
}): string {
  const names = pod.domain ? `${pod.hostname}.${pod.domain}\t${pod.hostname}` : pod.hostname;
  const own = pod.podIPs.map(ip => `${ip}\t${names}`);
  return `${[HEADER, ...LOCAL_ENTRIES, ...own, ...aliasLines(pod.hostAliases)].join('\n')}\n`;
}

/** /etc/hosts of a host-network pod: the node's own file under our header. */
export function buildHostNetworkHostsFile(hostFile: string, hostAliases: readonly HostAlias[]): string {
  const body = hostFile.endsWith('\n') || hostFile === '' ? hostFile : `${hostFile}\n`;
  const aliases = aliasLines(hostAliases);
  return `${HOST_NETWORK_HEADER}\n${body}${aliases.length > 0 ? `${aliases.join('\n')}\n` : ''}`;
}

function aliasLines(hostAliases: readonly HostAlias[]): string[] {
  if (hostAliases.length === 0) return [];
  const lines = hostAliases.map(alias => [alias.ip, ...(alias.hostnames ?? [])].join('\t'));
  return ['', '# Entries added by HostAliases.', ...lines];
}
