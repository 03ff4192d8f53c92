import type { PodSpec } from '../api/objects.ts';

const HOSTNAME_MAX = 63; // RFC 1123 label
const FQDN_MAX = 64; // utsname nodename

export type PodHostname =
  | { readonly kind: 'ok'; readonly hostname: string; readonly domain: string }
  | { readonly kind: 'tooLong'; readonly message: string };

/** Host name and DNS domain of a pod (pkg/kubelet/kubelet_pods.go GeneratePodHostNameAndDomain). */
export function buildHostname(
  podName: string,
  namespace: string,
  spec: Pick<PodSpec, 'hostname' | 'hostnameOverride' | 'subdomain' | 'setHostnameAsFQDN'>,
  clusterDomain: string,
): PodHostname {
  if (spec.hostnameOverride) return { kind: 'ok', hostname: spec.hostnameOverride, domain: '' };
  const short = (spec.hostname ?? podName).slice(0, HOSTNAME_MAX).replace(/[-.]+$/, '');
  const domain = spec.subdomain ? `${spec.subdomain}.${namespace}.svc.${clusterDomain}` : '';
  if (!spec.setHostnameAsFQDN || domain === '') return { kind: 'ok', hostname: short, domain };
  const fqdn = `${short}.${domain}`;
  if (fqdn.length > FQDN_MAX) {
    return {
      kind: 'tooLong',
      message:
        `failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long ` +
        `(${FQDN_MAX} characters is the max, ${fqdn.length} characters requested)`,
    };
  }
  return { kind: 'ok', hostname: fqdn, domain };
}
