import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Exchange } from '../exchange.ts';

const compress = promisify(gzip);
const WORTH_COMPRESSING_BYTES = 1024;
const FASTEST = { level: 1 };

/** Answers with a whole body, compressed for who asks (Prometheus does). */
export async function sendBody(
  { request, response }: Exchange,
  contentType: string,
  text: string,
): Promise<void> {
  const plain = Buffer.from(text);
  const accepts = request.headers['accept-encoding'] ?? '';
  const isGzip = plain.length >= WORTH_COMPRESSING_BYTES && /\bgzip\b/.test(accepts);
  const body = isGzip ? await compress(plain, FASTEST) : plain;
  if (response.destroyed) return;
  response.writeHead(200, {
    'content-type': contentType,
    'content-length': body.length,
    ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
  });
  if (request.method === 'HEAD') response.end();
  else response.end(body);
}
