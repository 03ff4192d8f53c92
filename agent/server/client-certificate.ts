// The user behind a client certificate: CN is the name, each O a group.

import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { User } from './user.ts';

export type CertificateOutcome =
  | { readonly kind: 'none' }
  /** There is one, and our authority does not vouch for it. */
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'user'; readonly user: User };

interface Verified {
  readonly outcome: CertificateOutcome;
  readonly expiresAtMs: number;
}

// A connection has one certificate and many requests; taking it apart costs more than all else about a request.
const verified = new WeakMap<TLSSocket, Verified>();

/** What the handshake has found, and whether it still holds. */
export function readClientCertificate(socket: TLSSocket, nowMs: number): CertificateOutcome {
  let known = verified.get(socket);
  if (!known) {
    known = readPeer(socket);
    verified.set(socket, known);
  }
  if (nowMs <= known.expiresAtMs) return known.outcome;
  return { kind: 'rejected', reason: 'certificate has expired' };
}

function readPeer(socket: TLSSocket): Verified {
  const certificate = socket.getPeerCertificate();
  const never = Number.POSITIVE_INFINITY;
  // An empty object when the client sent none.
  if (!('raw' in certificate)) return { outcome: { kind: 'none' }, expiresAtMs: never };
  if (!socket.authorized) {
    const reason = String(socket.authorizationError);
    return { outcome: { kind: 'rejected', reason }, expiresAtMs: never };
  }
  const username = listOf(certificate.subject.CN).at(-1) ?? '';
  if (username === '') return { outcome: { kind: 'none' }, expiresAtMs: never };
  const fingerprint = createHash('sha256').update(certificate.raw).digest('hex');
  const user: User = {
    username,
    groups: listOf(certificate.subject.O),
    extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
  };
  return { outcome: { kind: 'user', user }, expiresAtMs: Date.parse(certificate.valid_to) };
}

// Node gives a text for one value and an array for several.
function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}
