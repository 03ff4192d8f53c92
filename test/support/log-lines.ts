import { pino } from 'pino';
import type { Logger } from '../../agent/lib/logger.ts';

/** A logger and what it has logged so far: message, and the states of a watch that moved. */
export function linesOf(level: 'debug' | 'info'): { logger: Logger; messages: () => string[] } {
  const lines: string[] = [];
  const stream = {
    write: (line: string): void => {
      // Our own log line.
      const { msg, from, to, reason } = JSON.parse(line) as Record<string, string | undefined>;
      lines.push([msg, from, to, reason].filter(part => part !== undefined).join(' '));
    },
  };
  return { logger: pino({ level }, stream), messages: () => lines };
}
