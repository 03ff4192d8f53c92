import { parseDuration } from '../lib/duration.ts';
import { usageError } from './exit-codes.ts';

/** The value of `--timeout`, in milliseconds. */
export function readTimeout(text: string): number {
  const timeoutMs = parseDuration(text);
  if (timeoutMs === undefined) throw usageError(`--timeout: expected a duration like 5m, got "${text}"`);
  return timeoutMs;
}
