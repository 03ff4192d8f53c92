// Failures of connections in the words of Go's net package, which people and their tools know from `kubectl describe`.

import { isIPv6 } from 'node:net';

const ERRNO_TEXTS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'cannot assign requested address',
  ECONNABORTED: 'software caused connection abort',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  EINVAL: 'invalid argument',
  ENETUNREACH: 'network is unreachable',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  ETIMEDOUT: 'connection timed out',
};

/** `host:port`, an IPv6 address in brackets. */
export function joinHostPort(host: string, port: number | string): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** E.g. `dial tcp 10.0.0.5:80: connect: connection refused`. */
export function formatNetworkError(error: unknown, address: string): string {
  if (error instanceof AggregateError) return formatNetworkError(error.errors[0], address); // a name with many addresses
  if (!(error instanceof Error)) return String(error);
  const { code, syscall } = error as NodeJS.ErrnoException; // both optional in every error
  const text = ERRNO_TEXTS[code ?? ''] ?? error.message;
  if (syscall === 'getaddrinfo') return `dial tcp: lookup ${hostOf(address)}: ${lookupText(code)}`;
  if (syscall === 'connect') return `dial tcp ${address}: connect: ${text}`;
  if (syscall !== undefined) return `${syscall} tcp ${address}: ${syscall}: ${text}`;
  return code === 'ECONNRESET' ? 'EOF' : error.message; // "socket hang up": closed without an answer
}

function lookupText(code: string | undefined): string {
  return code === 'ENOTFOUND' ? 'no such host' : 'server misbehaving';
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
