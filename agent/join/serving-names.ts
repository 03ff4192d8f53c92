import { isIP } from 'node:net';
import type { NodeAddress } from '../api/objects.ts';
import type { SubjectAltNames } from './certificate-request.ts';

/** What a serving certificate has to be good for; undefined while the node has no address that is an IP. */
export function servingNames(addresses: readonly NodeAddress[]): SubjectAltNames | undefined {
  const dnsNames = new Set<string>();
  const ips = new Set<string>();
  for (const { type, address } of addresses) {
    if (type === 'InternalIP' || type === 'ExternalIP') ips.add(address);
    else if (isIP(address) !== 0) ips.add(address);
    else dnsNames.add(address);
  }
  if (ips.size === 0) return undefined;
  return { dnsNames: [...dnsNames].sort(), ips: [...ips].sort() };
}
