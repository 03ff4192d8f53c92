import { isIP } from 'node:net';
import type { BindAddress } from './config.ts';

const MAX_PORT = 65_535;

/** `0.0.0.0:10256`, `[::]:10256`; undefined for anything else. */
export function parseBindAddress(text: string): BindAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  const isValid = isIP(address) === (match?.[1] === undefined ? 4 : 6) && port > 0 && port <= MAX_PORT;
  return isValid ? { address, port } : undefined;
}
