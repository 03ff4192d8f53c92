import ipaddr from 'ipaddr.js';

/** Whether a CIDR holds an address; false for what is neither. */
export function isInRange(address: string, range: string): boolean {
  if (!ipaddr.isValid(address) || !ipaddr.isValidCIDR(range)) return false;
  const parsed = ipaddr.parse(address);
  const [network, length] = ipaddr.parseCIDR(range);
  return parsed.kind() === network.kind() && parsed.match(network, length);
}

/** The last byte of an address. */
export function lastByte(address: string): number {
  return ipaddr.parse(address).toByteArray().at(-1) ?? 0;
}
