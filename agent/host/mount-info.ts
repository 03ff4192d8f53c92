import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { mapped } from './errors.ts';

/** One line of /proc/self/mountinfo; proc_pid_mountinfo(5). */
export interface MountInfo {
  readonly mountId: number;
  readonly parentId: number;
  /** `major:minor` of the file system. */
  readonly device: string;
  /** The directory of the file system that is mounted here: `/` unless it is a bind mount or a namespaced cgroup. */
  readonly root: string;
  readonly target: string;
  readonly options: readonly string[];
  /** Optional fields, e.g. `shared:3`, `master:1`. */
  readonly propagation: readonly string[];
  readonly fsType: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

export function parseMountInfo(text: string): readonly MountInfo[] {
  const mounts: MountInfo[] = [];
  for (const line of text.split('\n')) {
    const mount = parseLine(line);
    if (mount) mounts.push(mount);
  }
  return mounts;
}

function parseLine(line: string): MountInfo | undefined {
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  const [mountId, parentId, device, root, target, options] = fields;
  const [fsType, source, superOptions] = separator < 0 ? [] : fields.slice(separator + 1);
  if (device === undefined || root === undefined || target === undefined || options === undefined) return;
  if (fsType === undefined || source === undefined) return;
  return {
    mountId: Number(mountId),
    parentId: Number(parentId),
    device,
    root: unescapeOctal(root),
    target: unescapeOctal(target),
    options: options.split(','),
    propagation: fields.slice(6, separator),
    fsType,
    source: unescapeOctal(source),
    superOptions: superOptions ? superOptions.split(',') : [],
  };
}

// The kernel writes blank, tab, newline, `#` and backslash as three octal digits.
function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** The mounts of this process's namespace, in the kernel's order: a later one at the same target hides an earlier one. */
export async function listMounts(): Promise<readonly MountInfo[]> {
  return parseMountInfo(await mapped(readFile('/proc/self/mountinfo', 'utf8')));
}

/** The same at once, for who looks rarely and cannot wait. */
export function listMountsNow(): readonly MountInfo[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/** The mount whose file system `path` is on: the deepest, and of these the last. */
export function findMountOf(path: string, mounts: readonly MountInfo[]): MountInfo | undefined {
  let best: MountInfo | undefined;
  for (const mount of mounts) {
    if (isWithin(path, mount.target) && mount.target.length >= (best?.target.length ?? 0)) best = mount;
  }
  return best;
}

export function isWithin(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}
