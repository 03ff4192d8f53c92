import type { HttpRequest } from './exchange.ts';

/** Undefined when there is more than that; how long it may take is the server's to say. */
export async function readBody(request: HttpRequest, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Without an encoding set, a request is made of buffers.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
