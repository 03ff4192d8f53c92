import { connect } from 'node:net';
import { Deadline } from '../lib/deadline.ts';
import { formatNetworkError, joinHostPort } from './network-error.ts';
import type { ProbeOutcome } from './probe-outcome.ts';

/** Connects and closes at once. */
export function runTcpProbe(
  host: string,
  port: number,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ProbeOutcome> {
  const address = joinHostPort(host, port);
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const deadline = new Deadline({ signal });
    const socket = connect({ host, port });
    const finish = (outcome: ProbeOutcome): void => {
      deadline[Symbol.dispose]();
      socket.destroy();
      resolve(outcome);
    };
    socket.once('connect', () => finish({ kind: 'success' }));
    // Stays: what comes after the end is nobody's business.
    socket.on('error', error => finish({ kind: 'failure', message: formatNetworkError(error, address) }));
    deadline.signal.addEventListener('abort', () => {
      if (deadline.isExceeded) {
        return finish({
          kind: 'failure',
          message: `dial tcp ${address}: i/o timeout`,
          ownTimeoutMs: timeoutMs,
        });
      }
      socket.destroy();
      reject(signal.reason);
    });
    deadline.arm(timeoutMs);
  });
}
