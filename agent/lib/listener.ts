// A listening socket that comes up when it can: a port that is taken is said once and tried again.

import type { Server } from 'node:net';
import { waitAborted } from './abort.ts';
import { errorMessage } from './errors.ts';
import type { Logger } from './logger.ts';
import { sleep } from './sleep.ts';

const RETRY_MS = 5000; // as the kubelet's for its healthz port
const CLOSE_SWEEP_MS = 20;
const CLOSE_PATIENCE_MS = 1000;

/** What the servers of HTTP have in common. */
export interface HttpListener extends Server {
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

/** Listens until the signal aborts; then gives what is being answered a moment. */
export async function runListener(
  server: HttpListener,
  { address, port }: ListenAddress,
  { what, logger, signal }: { readonly what: string; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  let lastProblem: string | undefined;
  while (!signal.aborted) {
    try {
      await listen(server, address, port);
      logger.info({ address, port }, `${what} is served`);
      break;
    } catch (error) {
      const problem = errorMessage(error);
      if (problem !== lastProblem) {
        const advice = problem.includes('EADDRINUSE') ? '; does a kubelet or kube-proxy run here?' : '';
        logger.error({ address, port, err: error }, `${what} cannot be served, trying on${advice}`);
        lastProblem = problem;
      }
      await sleep(RETRY_MS, { signal });
    }
  }
  await waitAborted(signal);
  if (server.listening) await close(server);
}

function listen(server: HttpListener, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

// Handlers see the signal and end by themselves; what they leave is an idle connection, which a client would keep.
async function close(server: HttpListener): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()));
  const sweep = setInterval(() => server.closeIdleConnections(), CLOSE_SWEEP_MS);
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_PATIENCE_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(timer);
}
