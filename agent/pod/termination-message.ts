// What a container left to say at its end: its termination message file, or the end of its log.

import { open } from 'node:fs/promises';
import { errorMessage } from '../lib/errors.ts';
import { isMissing } from '../lib/if-there.ts';
import type { ObservedContainer } from '../runtime/observed-pod.ts';

const MESSAGE_MAX_BYTES = 4096;
const LOG_MAX_BYTES = 2048;
const LOG_MAX_LINES = 80;
const LOG_READ_BYTES = 64 * 1024; // room for the CRI framing of those lines

/** The message of an exited container, '' when it left none. Never throws: a read error is the message. */
export async function readTerminationMessage(container: ObservedContainer): Promise<string> {
  const path = container.terminationMessageHostPath;
  try {
    const message = path === undefined ? '' : await readTail(path, MESSAGE_MAX_BYTES);
    if (message !== '' || !wantsLog(container)) return message;
    return parseLogTail(await readTail(container.logPath, LOG_READ_BYTES));
  } catch (error) {
    return `Error on reading termination log ${path}: ${errorMessage(error)}`;
  }
}

function wantsLog({ terminationMessagePolicy, exitCode, reason, logPath }: ObservedContainer): boolean {
  return (
    terminationMessagePolicy === 'FallbackToLogsOnError' &&
    exitCode !== 0 &&
    reason !== 'ContainerCannotRun' &&
    logPath !== ''
  );
}

async function readTail(path: string, maxBytes: number): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const length = Math.min(size, maxBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}

/** The last lines of a CRI log without `time stream tag` in front of each. */
function parseLogTail(text: string): string {
  let content = '';
  for (const line of text.split('\n').slice(-LOG_MAX_LINES - 1)) {
    const parts = /^\S+ (?:stdout|stderr) ([FP])\S* ?(.*)$/s.exec(line);
    if (parts) content += parts[1] === 'P' ? parts[2] : `${parts[2]}\n`;
  }
  return Buffer.from(content).subarray(-LOG_MAX_BYTES).toString('utf8');
}
