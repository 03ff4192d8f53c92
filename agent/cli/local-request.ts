// Asks the agent that runs on this machine.
import { request } from 'node:http';
import { LOCAL_SOCKET } from '../explain/local-paths.ts';

const TIMEOUT_MS = 3000;

export type LocalAnswer<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'notFound' }
  /** No agent runs here, or it does not answer. */
  | { readonly kind: 'away'; readonly reason: string };

export function askAgent<T>(path: string): Promise<LocalAnswer<T>> {
  return new Promise(resolve => {
    const away = (error: Error): void => resolve({ kind: 'away', reason: error.message });
    const asking = request({ socketPath: LOCAL_SOCKET, path, timeout: TIMEOUT_MS }, response => {
      const chunks: Buffer[] = [];
      response.on('error', away);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        if (response.statusCode === 404) return resolve({ kind: 'notFound' });
        if (response.statusCode !== 200) return away(new Error(`it answered ${response.statusCode}`));
        // Both sides are one program.
        resolve({ kind: 'found', value: JSON.parse(Buffer.concat(chunks).toString()) as T });
      });
    });
    asking.on('timeout', () => asking.destroy(new Error('it does not answer')));
    asking.on('error', away);
    asking.end();
  });
}
