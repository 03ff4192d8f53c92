import { StringDecoder } from 'node:string_decoder';
import { UnavailableError } from '../lib/errors.ts';

// An object in etcd is at most about 1.5 MiB; JSON makes it larger.
const MAX_LINE_CHARACTERS = 32 * 1024 * 1024;

/** Splits a stream of bytes at newlines; a last line without one is handed out as well. */
export async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const pieces = decoder.write(chunk).split('\n');
    for (const [index, piece] of pieces.entries()) {
      parts.push(piece);
      length += piece.length;
      if (length > MAX_LINE_CHARACTERS) throw new UnavailableError('endless line', { code: 'BadResponse' });
      if (index === pieces.length - 1) break;
      const line = parts.length === 1 ? piece : parts.join('');
      parts = [];
      length = 0;
      if (line !== '') yield line;
    }
  }
  const rest = parts.join('');
  if (rest !== '') yield rest;
}
