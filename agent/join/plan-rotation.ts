// When a certificate is replaced. Pure: the same certificate and the same time give the same plan, after a restart too.

import type { SubjectAltNames } from './certificate-request.ts';

export interface CertificateFacts {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly names: SubjectAltNames;
  /** 0 to 1, another one for each certificate, so that a thousand nodes do not ask in the same moment. */
  readonly spread: number;
}

export type RotationReason = 'missing' | 'due' | 'expired' | 'names';

export type RotationPlan =
  | { readonly kind: 'keep'; readonly untilMs: number }
  | { readonly kind: 'request'; readonly reason: RotationReason };

// The kubelet's: a random moment between 70 and 90 % of the certificate's life.
const EARLIEST_SHARE = 0.7;
const SHARE_SPREAD = 0.2;

export function planRotation(
  certificate: CertificateFacts | undefined,
  wanted: SubjectAltNames,
  nowMs: number,
): RotationPlan {
  if (certificate === undefined) return { kind: 'request', reason: 'missing' };
  const { notBeforeMs, notAfterMs, names } = certificate;
  if (nowMs >= notAfterMs) return { kind: 'request', reason: 'expired' };
  if (!areSame(names.dnsNames, wanted.dnsNames) || !areSame(names.ips, wanted.ips)) {
    return { kind: 'request', reason: 'names' };
  }
  const dueAtMs = rotationDueAtMs(certificate);
  // Before its time it is this machine's clock that is wrong; another certificate would not be valid either.
  if (nowMs >= dueAtMs) return { kind: 'request', reason: 'due' };
  return { kind: 'keep', untilMs: nowMs < notBeforeMs ? notBeforeMs : dueAtMs };
}

function rotationDueAtMs({ notBeforeMs, notAfterMs, spread }: CertificateFacts): number {
  return Math.round(notBeforeMs + (notAfterMs - notBeforeMs) * (EARLIEST_SHARE + SHARE_SPREAD * spread));
}

function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && new Set([...some, ...others]).size === new Set(some).size;
}
