// Publishes a payload so that a reader sees one generation or the other, never a mix:
//
//   volume/app.conf -> ..data/app.conf          one link per first path element
//   volume/..data   -> ..2026_11_20_18_40_00.x  switched by one rename
//   volume/..2026_11_20_18_40_00.x/app.conf     the files of one generation
//
// Consumers watch `..data` (inotify sees the rename). Killed at any step, the next call repairs what is left. On a disk
// a power cut may leave names without their data. Nothing is synced for that: the name of a generation there has the
// digest of its files, so that it can be told after the next start whether they are what was written.
import type { Dirent } from 'node:fs';
import {
  chmod,
  lchown,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ifThere } from '../lib/if-there.ts';
import { digestOf, type FileProjection, type Payload } from './payload.ts';

const DATA_LINK = '..data';
const NEW_DATA_LINK = '..data_tmp';
const GENERATION_NAME = /^\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\./;
const DIGEST_IN_NAME = /^\.\.[\d_]{19}\.([0-9a-f]{16})\./; // none in what the kubelet wrote
const KEEP_GROUP = -1;

export interface WriteOptions {
  readonly nowMs: number;
  /** It may outlive a power cut. Not for Secrets: a digest tells something of what it is made from. */
  readonly isOnDisk?: boolean;
  /** Called when the new generation is complete and not yet visible: ownership is set here. */
  readonly beforePublish?: () => Promise<void>;
}

/** Makes `directory` hold exactly `payload` (clean, validated paths). Writes nothing when the content is equal. */
export async function writePayload(
  directory: string,
  payload: Payload,
  options: WriteOptions,
): Promise<'written' | 'unchanged'> {
  const entries = await readdir(directory, { withFileTypes: true });
  const current = await currentGeneration(directory);
  const isEqual = current !== undefined && (await hasContent(join(directory, current), payload));
  const generation = isEqual ? current : await publish(directory, payload, options);
  await linkFirstElements(directory, entries, payload);
  await removeStale(directory, entries, payload, generation);
  return isEqual ? 'unchanged' : 'written';
}

/** Whether `directory` holds a whole generation; links that a killed writer did not get to are made. */
export async function restorePublished(directory: string): Promise<boolean> {
  const generation = await currentGeneration(directory);
  if (generation === undefined) return false;
  const payload = await readGeneration(join(directory, generation));
  if (payload === undefined) return false;
  const [, digest] = DIGEST_IN_NAME.exec(generation) ?? [];
  if (digest !== undefined && digest !== digestInName(payload)) return false;
  await linkFirstElements(directory, await readdir(directory, { withFileTypes: true }), payload);
  return true;
}

async function currentGeneration(directory: string): Promise<string | undefined> {
  return await ifThere(readlink(join(directory, DATA_LINK)));
}

// Only content counts: a mode never changes during a volume's life.
async function hasContent(generationPath: string, payload: Payload): Promise<boolean> {
  const present = (await listFiles(generationPath)) ?? [];
  if (present.length !== payload.size || !present.every(path => payload.has(path))) return false;
  const comparisons = Array.from(payload, async ([path, file]) =>
    file.content.equals(await readFile(join(generationPath, path))),
  );
  return (await Promise.all(comparisons)).every(Boolean);
}

async function listFiles(generationPath: string): Promise<string[] | undefined> {
  // Nothing is there when `..data` points nowhere.
  const entries = await ifThere(readdir(generationPath, { recursive: true, withFileTypes: true }));
  return entries
    ?.filter(entry => !entry.isDirectory())
    .map(entry => join(entry.parentPath, entry.name).slice(generationPath.length + 1));
}

/** What stands on disk; the modes are not read. Undefined when `..data` points nowhere. */
async function readGeneration(generationPath: string): Promise<Payload | undefined> {
  const paths = await listFiles(generationPath);
  if (!paths) return undefined;
  const files = paths.map(async (path): Promise<[string, FileProjection]> => {
    const content = await readFile(join(generationPath, path));
    return [path, { content, mode: 0 }];
  });
  return new Map(await Promise.all(files));
}

/** Against accidents, not against people: short enough to read a listing. */
function digestInName(payload: Payload): string {
  return digestOf(payload).slice(0, 16);
}

async function publish(
  directory: string,
  payload: Payload,
  { nowMs, isOnDisk = false, beforePublish }: WriteOptions,
): Promise<string> {
  const digest = isOnDisk ? `${digestInName(payload)}.` : '';
  const generationPath = await mkdtemp(join(directory, `..${timestamp(nowMs)}.${digest}`));
  try {
    await chmod(generationPath, 0o755);
    await writeFiles(generationPath, payload);
    await beforePublish?.();
    await switchTo(directory, generationPath.slice(directory.length + 1));
  } catch (error) {
    await rm(generationPath, { recursive: true, force: true });
    throw error;
  }
  return generationPath.slice(directory.length + 1);
}

async function writeFiles(generationPath: string, payload: Payload): Promise<void> {
  const directories = new Set(
    [...payload.keys()].flatMap(path => {
      const elements = path.split('/');
      return elements.slice(1).map((_, index) => elements.slice(0, index + 1).join('/'));
    }),
  );
  // Shorter paths first, so a parent stands before its children.
  for (const path of [...directories].sort((a, b) => a.length - b.length)) {
    await mkdir(join(generationPath, path));
    await chmod(join(generationPath, path), 0o755); // the umask must not decide
  }
  await Promise.all(Array.from(payload, ([path, file]) => writeFile(join(generationPath, path), file)));
}

async function writeFile(path: string, { content, mode, ownerUid }: FileProjection): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.writeFile(content);
  await file.chmod(mode);
  if (ownerUid !== undefined) await file.chown(ownerUid, KEEP_GROUP);
}

async function switchTo(directory: string, generation: string): Promise<void> {
  const newLink = join(directory, NEW_DATA_LINK);
  await rm(newLink, { force: true }); // left behind when we were killed before the rename
  await symlink(generation, newLink);
  await rename(newLink, join(directory, DATA_LINK));
}

async function linkFirstElements(
  directory: string,
  entries: readonly Dirent[],
  payload: Payload,
): Promise<void> {
  const present = new Set(entries.map(entry => entry.name));
  for (const [element, ownerUid] of firstElements(payload)) {
    if (present.has(element)) continue;
    const link = join(directory, element);
    await symlink(join(DATA_LINK, element), link);
    if (ownerUid !== undefined) await lchown(link, ownerUid, KEEP_GROUP);
  }
}

function firstElements(payload: Payload): Map<string, number | undefined> {
  return new Map(Array.from(payload, ([path, file]) => [path.split('/', 1)[0] ?? path, file.ownerUid]));
}

// Found by looking, not by remembering: so the leftovers of a killed writer go as well.
async function removeStale(
  directory: string,
  entries: readonly Dirent[],
  payload: Payload,
  generation: string,
): Promise<void> {
  const wanted = firstElements(payload);
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (GENERATION_NAME.test(entry.name)) {
      if (entry.name !== generation) await rm(path, { recursive: true, force: true });
    } else if (entry.name === NEW_DATA_LINK) {
      await rm(path, { force: true });
    } else if (entry.isSymbolicLink() && entry.name !== DATA_LINK && !wanted.has(entry.name)) {
      if (dirname(await readlink(path)) === DATA_LINK) await unlink(path);
    }
  }
}

function timestamp(nowMs: number): string {
  const [date = '', time = ''] = new Date(nowMs).toISOString().slice(0, 19).split('T');
  return `${date.replaceAll('-', '_')}_${time.replaceAll(':', '_')}`;
}
