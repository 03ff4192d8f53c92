import { errorMessage } from '../lib/errors.ts';

/** The form in which the kubelet's events quote a failed CRI call. */
export function formatRpcError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'Unknown';
  return `rpc error: code = ${code} desc = ${errorMessage(error)}`;
}
