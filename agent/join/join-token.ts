// Tokens as people paste them, and the pins of the cluster's CA that come with them.

import { createHash, X509Certificate } from 'node:crypto';
import { InvalidError } from '../lib/errors.ts';
import { certificateBlocks } from '../lib/pem.ts';

export interface BootstrapToken {
  /** Public: names the Secret and the signature. */
  readonly id: string;
  readonly secret: string;
}

/** `abcdef.0123456789abcdef`. Throws InvalidError with what is wrong about it. */
export function parseBootstrapToken(text: string): BootstrapToken {
  const match = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text.trim());
  if (match?.[1] !== undefined && match[2] !== undefined) return { id: match[1], secret: match[2] };
  const problem = text.startsWith('K10')
    ? 'it is one of k3s'
    : 'expected 6 and 16 characters of a-z and 0-9 with a dot between, like abcdef.0123456789abcdef';
  throw new InvalidError(`the token is not right: ${problem}`, { code: 'Usage' });
}

export function formatBootstrapToken({ id, secret }: BootstrapToken): string {
  return `${id}.${secret}`;
}

/** `sha256:HEX`, of the public key of the CA. Throws InvalidError with what is wrong about it. */
export function parseCaPin(text: string): string {
  const match = /^sha256:([0-9a-f]{64})$/i.exec(text.trim());
  if (match?.[1] === undefined) {
    const message = `the CA hash is not right: expected sha256: and 64 hexadecimal digits, got ${JSON.stringify(text)}`;
    throw new InvalidError(message, { code: 'Usage' });
  }
  return match[1].toLowerCase();
}

/** Whether one of the CA's certificates has a key that is pinned. */
export function isPinned(caPem: string, pins: readonly string[]): boolean {
  return pinsOf(caPem).some(pin => pins.includes(pin));
}

/** SHA-256 of each certificate's SubjectPublicKeyInfo, in hexadecimal digits. */
export function pinsOf(caPem: string): readonly string[] {
  return certificateBlocks(caPem).map(block => {
    const key = new X509Certificate(block).publicKey.export({ type: 'spki', format: 'der' });
    return createHash('sha256').update(key).digest('hex');
  });
}
