// /etc/resolv.conf of a pod by dnsPolicy (pkg/kubelet/network/dns/dns.go).

import type { PodDNSConfig, PodSpec } from '../api/objects.ts';

const NAMESERVERS_MAX = 3; // glibc MAXNS
const SEARCHES_MAX = 32;
const SEARCH_LENGTH_MAX = 253;
const SEARCH_LINE_MAX = 2048;

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface PodDns {
  readonly config: DnsConfig;
  /** Texts of DNSConfigForming events. */
  readonly warnings: readonly string[];
  readonly isClusterDNSMissing: boolean;
}

/** Reads a resolv.conf: nameservers accumulate, the last `search` and `options` lines win. */
export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...fields] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && fields[0]) servers.push(fields[0]);
    if (keyword === 'search') searches = fields.map(f => f.replace(/\.$/, '')).filter(f => f !== '');
    if (keyword === 'options') options = fields;
  }
  return { servers, searches, options };
}

export interface DnsContext {
  readonly namespace: string;
  readonly clusterDNS: readonly string[];
  readonly clusterDomain: string;
  /** The node's own resolver configuration. */
  readonly host: DnsConfig;
}

export function buildPodDns(
  spec: Pick<PodSpec, 'dnsPolicy' | 'dnsConfig' | 'hostNetwork'>,
  context: DnsContext,
): PodDns {
  const wantsCluster = wantsClusterDns(spec);
  const isClusterDNSMissing = wantsCluster && context.clusterDNS.length === 0;
  const base = baseConfig(spec, wantsCluster && !isClusterDNSMissing, context);
  return { ...limit(appendDnsConfig(base, spec.dnsConfig)), isClusterDNSMissing };
}

function wantsClusterDns(spec: Pick<PodSpec, 'dnsPolicy' | 'hostNetwork'>): boolean {
  switch (spec.dnsPolicy) {
    case 'None':
    case 'Default':
      return false;
    case 'ClusterFirstWithHostNet':
      return true;
    default:
      return !spec.hostNetwork;
  }
}

function baseConfig(spec: Pick<PodSpec, 'dnsPolicy'>, isCluster: boolean, context: DnsContext): DnsConfig {
  if (spec.dnsPolicy === 'None') return { servers: [], searches: [], options: [] };
  if (!isCluster) return context.host;
  const { clusterDomain, namespace } = context;
  const cluster = clusterDomain
    ? [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]
    : [];
  return {
    servers: context.clusterDNS,
    searches: unique([...cluster, ...context.host.searches]),
    options: ['ndots:5'],
  };
}

function appendDnsConfig(base: DnsConfig, extra: PodDNSConfig | undefined): DnsConfig {
  if (!extra) return base;
  const options = new Map(base.options.map(option => [option.split(':')[0] ?? '', option]));
  for (const { name, value } of extra.options ?? []) {
    if (name) options.set(name, value === undefined ? name : `${name}:${value}`);
  }
  return {
    servers: unique([...base.servers, ...(extra.nameservers ?? [])]),
    searches: unique([...base.searches, ...(extra.searches ?? [])]),
    options: [...options.values()],
  };
}

function limit(config: DnsConfig): { config: DnsConfig; warnings: string[] } {
  const warnings: string[] = [];
  const servers = config.servers.slice(0, NAMESERVERS_MAX);
  if (servers.length < config.servers.length) {
    warnings.push(
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers.join(' ')}`,
    );
  }
  const searches = limitSearches(config.searches);
  if (searches.length < config.searches.length) {
    warnings.push(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(' ')}`,
    );
  }
  return { config: { servers, searches, options: config.options }, warnings };
}

function limitSearches(all: readonly string[]): string[] {
  const kept = all.filter(search => search.length <= SEARCH_LENGTH_MAX).slice(0, SEARCHES_MAX);
  while (kept.join(' ').length > SEARCH_LINE_MAX) kept.pop();
  return kept;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
