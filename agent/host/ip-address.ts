// Addresses between their text and the bytes of kernel messages.
import ipaddr from 'ipaddr.js';
import { InvalidError } from '../lib/errors.ts';

export type IPFamily = 4 | 6;

export interface IPPrefix {
  readonly family: IPFamily;
  /** Host bits are zero. */
  readonly bytes: Buffer;
  readonly prefixLength: number;
}

export function parseIP(text: string): { readonly family: IPFamily; readonly bytes: Buffer } {
  // ipaddr.js also takes `10.1` and the like, which Kubernetes does not.
  const isFull = text.includes(':') || ipaddr.IPv4.isValidFourPartDecimal(text);
  if (!isFull || !ipaddr.isValid(text))
    throw new InvalidError(`not an IP address: ${text}`, { code: 'EINVAL' });
  const address = ipaddr.parse(text);
  return { family: address.kind() === 'ipv4' ? 4 : 6, bytes: Buffer.from(address.toByteArray()) };
}

/** A CIDR; a plain address is the prefix of this one address. */
export function parsePrefix(text: string): IPPrefix {
  const [address = '', length] = text.split('/');
  const { family, bytes } = parseIP(address);
  const bits = bytes.length * 8;
  const prefixLength = length === undefined ? bits : Number(length);
  if (!/^\d*$/.test(length ?? '') || length === '' || prefixLength > bits) {
    throw new InvalidError(`not a CIDR: ${text}`, { code: 'EINVAL' });
  }
  return { family, bytes: maskBytes(bytes, prefixLength), prefixLength };
}

function maskBytes(bytes: Buffer, prefixLength: number): Buffer {
  return Buffer.from(
    bytes.map((byte, index) => {
      const bitsKept = Math.min(Math.max(prefixLength - index * 8, 0), 8);
      return byte & (0xff00 >> bitsKept);
    }),
  );
}

/** The usual text, IPv6 as in RFC 5952. */
export function formatIP(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return new ipaddr.IPv6([...bytes]).toRFC5952String();
}

export function formatPrefix({ bytes, prefixLength }: Omit<IPPrefix, 'family'>): string {
  return `${formatIP(bytes)}/${prefixLength}`;
}
