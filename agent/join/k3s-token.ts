// Tokens of k3s, as its server writes them to files and people paste them (k3s: pkg/clientaccess/token.go).

import { InvalidError } from '../lib/errors.ts';

export interface K3sToken {
  /** SHA-256 of the server's CA, in hexadecimal digits; undefined: whatever CA the server shows is believed. */
  readonly caHash: string | undefined;
  /** The value of the header Authorization. */
  readonly authorization: string;
}

// Whatever name stands in the token: agents are this user, and only this one may ask for a node's certificates.
const AGENT_USER = 'node';

export function isK3sToken(text: string): boolean {
  return text.trim().startsWith('K10');
}

/** `K10HASH::USER:PASSWORD`, `K10HASH::ID.SECRET`, `PASSWORD`, `ID.SECRET`. Throws InvalidError with what is wrong. */
export function parseK3sToken(text: string): K3sToken {
  const token = text.trim();
  if (!isK3sToken(token)) return { caHash: undefined, authorization: authorize(token) };
  const [, caHash, credentials] = /^K10([0-9a-f]{64})::(.+)$/.exec(token) ?? [];
  if (caHash === undefined || credentials === undefined) {
    throw wrong('expected K10, 64 hexadecimal digits, two colons, and user:password');
  }
  const [, password] = /^[^:]+:(.+)$/.exec(credentials) ?? [];
  return { caHash, authorization: authorize(password ?? credentials) };
}

function authorize(credentials: string): string {
  if (credentials === '') throw wrong('it is empty');
  if (/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(credentials)) return `Bearer ${credentials}`;
  return `Basic ${Buffer.from(`${AGENT_USER}:${credentials}`).toString('base64')}`;
}

function wrong(problem: string): InvalidError {
  return new InvalidError(`the token of k3s is not right: ${problem}`, { code: 'Usage' });
}
