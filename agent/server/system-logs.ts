// `/logs/`: the files below /var/log, as a plain file server shows them.

import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { systemErrorCode } from '../host/errors.ts';
import { type Exchange, sendText } from './exchange.ts';
import { parseNodeLogQuery } from './node-log-query.ts';
import { serveServiceLogs } from './node-logs.ts';
import type { Route } from './router.ts';

const LISTED_ENTRIES_MAX = 10_000;
// What somebody has to ask for when nothing is where he looked, or he may not.
const ABSENT: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'];

/** `canQuery`: enableSystemLogQuery, which lets clients ask for the logs of services too. */
export function systemLogRoutes(
  root: string,
  { canQuery }: { readonly canQuery: boolean },
): readonly Route[] {
  const handle = (exchange: Exchange): Promise<void> =>
    canQuery ? serveQuery(exchange, root) : serveLogs(exchange, root, exchange.params['path'] ?? '');
  return [{ methods: ['GET', 'HEAD'], path: '/logs/{path*}', handle }];
}

async function serveQuery(exchange: Exchange, root: string): Promise<void> {
  const { response, params } = exchange;
  const path = params['path'] ?? '';
  const query = parseNodeLogQuery(exchange.query);
  if (query.kind === 'none') return await serveLogs(exchange, root, path);
  if (query.kind === 'refused') return sendText(response, query.status, query.text);
  if (path !== '') return sendText(response, 406, 'path not allowed in query mode\n');
  if (query.kind === 'file') return await serveLogs(exchange, root, query.path);
  await serveServiceLogs(exchange, root, query.services, query.options);
}

async function serveLogs(exchange: Exchange, root: string, name: string): Promise<void> {
  const { response } = exchange;
  if (name.split('/').includes('..')) return sendText(response, 400, 'invalid URL path\n');
  try {
    // Links may lead elsewhere below the directory (/var/log/containers), never out of it.
    const base = await realpath(root);
    const target = await realpath(join(base, name));
    if (target !== base && !target.startsWith(`${base}/`)) return sendText(response, 404, NOT_FOUND);
    await using file = await open(target, 'r');
    const found = await file.stat();
    if (found.isDirectory()) return await serveDirectory(exchange, target);
    // Reading from a pipe or a device would wait for somebody to write.
    if (!found.isFile()) return sendText(response, 404, NOT_FOUND);
    await serveFile(exchange, file, target, found.size, found.mtime);
  } catch (error) {
    if (!ABSENT.includes(systemErrorCode(error))) throw error;
    sendText(response, 404, NOT_FOUND);
  }
}

const NOT_FOUND = '404 page not found\n';

async function serveDirectory({ request, response, path }: Exchange, directory: string): Promise<void> {
  const { pathname } = new URL(request.url ?? '', 'http://node');
  if (!pathname.endsWith('/')) {
    response.writeHead(301, { location: `${encodeURIComponent(path.split('/').at(-1) ?? '')}/` });
    response.end();
    return;
  }
  const entries = (await readdir(directory, { withFileTypes: true })).slice(0, LISTED_ENTRIES_MAX);
  const names = entries.map(entry => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  const links = names.map(
    name => `<a href="${encodeURIComponent(name).replace('%2F', '/')}">${escapeHtml(name)}</a>\n`,
  );
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(
    `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links.join('')}</pre>\n`,
  );
}

async function serveFile(
  { request, response, signal }: Exchange,
  file: FileHandle,
  path: string,
  size: number,
  mtime: Date,
): Promise<void> {
  const range = readRange(request.headers.range, size);
  if (range === 'unsatisfiable') {
    response.setHeader('content-range', `bytes */${size}`);
    return sendText(response, 416, 'invalid range: failed to overlap\n');
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  response.writeHead(range ? 206 : 200, {
    'content-type': path.endsWith('.gz') ? 'application/gzip' : 'text/plain; charset=utf-8',
    'content-length': end - start + 1,
    'accept-ranges': 'bytes',
    'last-modified': mtime.toUTCString(),
    ...(range && { 'content-range': `bytes ${start}-${end}/${size}` }),
  });
  if (request.method === 'HEAD' || end < start) {
    response.end();
    return;
  }
  await pipeline(createReadStream(path, { fd: file, autoClose: false, start, end }), response, { signal });
}

interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** One range of bytes; undefined: all of it. */
export function readRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  const [, from = '', to = ''] = parts ?? [];
  if (!parts || (from === '' && to === '')) return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(size - 1, Number(to));
  return start <= end ? { start, end } : 'unsatisfiable';
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&#34;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, character => entities[character] ?? character);
}
