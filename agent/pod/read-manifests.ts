// Manifests of static pods from a directory or a single file (pkg/kubelet/config/file.go).

import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { errorMessage } from '../lib/errors.ts';
import { isMissing } from '../lib/if-there.ts';

const MAX_BYTES = 10 * 1024 * 1024; // the kubelet's limit

// What editors leave beside a file while it is edited, beyond names with a leading dot, which the kubelet skips too.
const EDITOR_FILE = /^\.|~$|^#.*#$|\.sw[opx]$/;

export interface Manifest {
  readonly path: string;
  /** Changes with the content; the kubelet's form, 128 bits in hex. */
  readonly hash: string;
  /** When the file got its present content or name. */
  readonly changedAtMs: number;
  readonly content:
    | { readonly kind: 'object'; readonly value: unknown }
    | { readonly kind: 'unreadable'; readonly message: string };
}

/** In order of their names; none when nothing is there. */
export async function readManifests(path: string, nodeName: string): Promise<readonly Manifest[]> {
  const manifests: Manifest[] = [];
  for (const file of await listFiles(path)) {
    const manifest = await readManifest(file, nodeName);
    if (manifest) manifests.push(manifest);
  }
  return manifests;
}

/** The first document of a YAML or JSON text; throws with the parser's sentence. */
export function parseManifest(text: string): unknown {
  const [document] = parseAllDocuments(text, { uniqueKeys: false });
  const [problem] = document && 'errors' in document ? document.errors : [];
  if (problem) throw problem;
  return document && 'toJS' in document ? document.toJS() : undefined;
}

export function hashManifest(text: string, nodeName: string, origin: string): string {
  return createHash('md5').update(`${text}host:${nodeName}${origin}`).digest('hex');
}

async function listFiles(path: string): Promise<readonly string[]> {
  try {
    const found = await stat(path);
    if (!found.isDirectory()) return [path];
    const names = (await readdir(path)).filter(name => !EDITOR_FILE.test(name));
    return names.toSorted().map(name => `${path}/${name}`);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function readManifest(path: string, nodeName: string): Promise<Manifest | undefined> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return undefined; // directories below are not looked into
    if (found.size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
    const text = await readFile(path, 'utf8');
    if (text.trim() === '') throw new Error('empty');
    const hash = hashManifest(text, nodeName, `file:${path}`);
    const changedAtMs = found.ctimeMs;
    return { path, hash, changedAtMs, content: { kind: 'object', value: parseManifest(text) } };
  } catch (error) {
    if (isMissing(error)) return undefined;
    return { path, hash: '', changedAtMs: 0, content: { kind: 'unreadable', message: errorMessage(error) } };
  }
}
