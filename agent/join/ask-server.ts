// One request to a server that is not trusted yet, or by one CA alone: with a connection of its own, and without belief in
// how much it will say.

import { request } from 'node:https';
import { errorFromTransport } from '../api/errors.ts';
import { InvalidError, UnavailableError } from '../lib/errors.ts';

export interface ServerQuestion {
  readonly path: string;
  /** PEM; undefined: whoever answers is listened to. */
  readonly ca: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** With one it is a POST. */
  readonly body?: Buffer;
}

export interface ServerAnswer {
  readonly status: number;
  readonly text: string;
  /** By the server's clock. */
  readonly dateMs: number | undefined;
  /** Ours on the way to the server. */
  readonly localAddress: string;
}

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Throws UnavailableError, DeniedError or InvalidError with one clear line. */
export function askServer(
  url: string,
  { path, ca, headers = {}, body }: ServerQuestion,
  { signal }: { readonly signal: AbortSignal },
): Promise<ServerAnswer> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      const isLate = deadline.aborted && !signal.aborted;
      const text = `API server ${url}: no answer (firewall, routing, or the machine is down)`;
      if (error instanceof InvalidError) reject(error);
      else
        reject(isLate ? new UnavailableError(text, { code: 'ETIMEDOUT' }) : errorFromTransport(error, url));
    };
    const asking = request(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
      headers,
      agent: false,
      signal: deadline,
    });
    asking.once('error', fail).once('response', response => {
      const localAddress = response.socket.localAddress?.replace(/^::ffff:/, '') ?? '';
      const dateMs = Date.parse(response.headers.date ?? '');
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES) response.destroy(tooLong(url));
      });
      response.once('error', fail).once('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          dateMs: Number.isNaN(dateMs) ? undefined : dateMs,
          localAddress,
        });
      });
    });
    asking.end(body);
  });
}

function tooLong(url: string): InvalidError {
  return new InvalidError(`${url} is no API server: its answer does not end`, { code: 'TooLong' });
}
