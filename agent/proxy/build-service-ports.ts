// Service -> the ports that get rules. What a Service says and no proxy acts on is dropped here.
import type { Service } from '../api/objects.ts';
import type { Family, Protocol, ServicePort } from './service-port.ts';

const DEFAULT_AFFINITY_SECONDS = 10_800; // core/v1 DefaultClientIPServiceAffinitySeconds
const SOURCE_RANGES_ANNOTATION = 'service.beta.kubernetes.io/load-balancer-source-ranges';
export const PROTOCOLS: Readonly<Record<string, Protocol>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };

// Most Services have none of what is a list; ten thousand empty lists are a megabyte.
const NONE: readonly string[] = [];

/** Empty for what has no cluster IP of this family: headless, ExternalName, not allocated yet. */
export function buildServicePorts(
  { metadata, spec, status }: Service,
  family: Family,
): readonly ServicePort[] {
  const clusterIP = (spec?.clusterIPs ?? [spec?.clusterIP ?? '']).find(ip => isOfFamily(ip, family));
  if (!spec || clusterIP === undefined || spec.type === 'ExternalName') return [];
  const externalIPs = spec.externalIPs?.filter(ip => isOfFamily(ip, family)) ?? NONE;
  const hasNodePorts = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  const isExternalPolicyLocal =
    spec.externalTrafficPolicy === 'Local' && (hasNodePorts || externalIPs.length > 0);
  const common = {
    namespace: metadata.namespace ?? '',
    service: metadata.name,
    clusterIP,
    externalIPs,
    loadBalancerVIPs: readVIPs(status, family),
    loadBalancerSourceRanges: readSourceRanges(spec, metadata.annotations, family),
    affinitySeconds: readAffinity(spec),
    isInternalPolicyLocal: spec.internalTrafficPolicy === 'Local',
    isExternalPolicyLocal,
    healthCheckNodePort:
      spec.type === 'LoadBalancer' && isExternalPolicyLocal ? (spec.healthCheckNodePort ?? 0) : 0,
  };
  return (spec.ports ?? []).flatMap(({ name = '', port, nodePort = 0, protocol = 'TCP' }) => {
    const known = PROTOCOLS[protocol];
    return known ? [{ ...common, portName: name, port, nodePort, protocol: known }] : [];
  });
}

export function isOfFamily(address: string, family: Family): boolean {
  return family === 6 ? address.includes(':') : /^\d+\./.test(address);
}

function readVIPs(status: Service['status'], family: Family): readonly string[] {
  return (
    status?.loadBalancer?.ingress?.flatMap(({ ip, ipMode }) =>
      ip !== undefined && isOfFamily(ip, family) && (ipMode ?? 'VIP') === 'VIP' ? [ip] : [],
    ) ?? NONE
  );
}

function readSourceRanges(
  spec: NonNullable<Service['spec']>,
  annotations: Readonly<Record<string, string>> | undefined,
  family: Family,
): readonly string[] {
  const ranges = spec.loadBalancerSourceRanges ?? annotations?.[SOURCE_RANGES_ANNOTATION]?.split(',');
  if (!ranges) return NONE;
  const cleaned = ranges.map(range => range.trim()).filter(range => isOfFamily(range, family));
  // A range that holds every address restricts nobody.
  return cleaned.some(range => range.endsWith('/0')) ? [] : cleaned;
}

function readAffinity({ sessionAffinity, sessionAffinityConfig }: NonNullable<Service['spec']>) {
  if (sessionAffinity !== 'ClientIP') return undefined;
  return sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
}
