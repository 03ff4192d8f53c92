// Mounts by system call: no child process, no look into mountinfo unless something is mounted there already.
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AlreadyExistsError } from '../lib/errors.ts';
import { pathExists } from '../lib/if-there.ts';
import { errnoName, mapped, systemErrorCode } from './errors.ts';
import { errorOf, lastErrno, mount, mountSetattr, statx, umount2 } from './libc.ts';
import { findMountOf, listMounts, type MountInfo } from './mount-info.ts';

// mount(2)
const MS_RDONLY = 1;
const MS_NOSUID = 2;
const MS_NODEV = 4;
const MS_NOEXEC = 8;
const MS_REMOUNT = 0x20;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_PRIVATE = 1 << 18;
const MS_SLAVE = 1 << 19;
const MS_SHARED = 1 << 20;

// umount2(2)
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

// statx(2), mount_setattr(2)
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_RECURSIVE = 0x8000;
const STATX_ATTR_MOUNT_ROOT = 0x2000n;
const STATX_BYTES = 256;
const MOUNT_ATTR_RDONLY = 1n;
const MOUNT_ATTR_BYTES = 32;

// Nobody stacks more mounts on one directory than this; a loop that never ends would.
const MAX_STACKED_MOUNTS = 64;

const PROPAGATION = { private: MS_PRIVATE, slave: MS_SLAVE, shared: MS_SHARED } as const;
export type MountPropagation = keyof typeof PROPAGATION;

export interface MountRequest {
  readonly source: string;
  readonly target: string;
  readonly fsType: string;
  /** MS_* of this file. */
  readonly flags?: number;
  /** The file system's own options, comma separated. */
  readonly data?: string;
}

/** Mounts once, creating the target directory; something else on the target is an AlreadyExistsError. */
export async function ensureMount(request: MountRequest): Promise<'mounted' | 'present'> {
  const { source, target, fsType, flags = 0, data } = request;
  await ensureDirectory(target);
  if (await isMountPoint(target)) {
    const present = findMountOf(target, await listMounts());
    if (present?.fsType === fsType && present.source === source) return 'present';
    throw new AlreadyExistsError(
      `mount ${fsType} on ${target}: ${present?.fsType} of ${present?.source} is mounted there`,
      { code: 'EBUSY' },
    );
  }
  if (mount(source, target, fsType, flags, data ?? null) < 0) fail(`mount ${fsType} on ${target}`);
  return 'mounted';
}

export interface BindMountRequest {
  readonly source: string;
  readonly target: string;
  readonly isReadOnly?: boolean;
  /** Also what is mounted below the source. */
  readonly isRecursive?: boolean;
  readonly propagation?: MountPropagation;
}

/** Makes `source`, a directory or a file, visible at `target`, creating the target. Read-only reaches every mount below. */
export async function ensureBindMount(request: BindMountRequest): Promise<void> {
  const { source, target, isReadOnly = false, isRecursive = false, propagation } = request;
  const sourceStat = await mapped(stat(source));
  if (sourceStat.isDirectory()) await ensureDirectory(target);
  else await ensureFile(target);
  if (!(await isSameMounted(sourceStat, target))) {
    if (mount(source, target, null, MS_BIND | (isRecursive ? MS_REC : 0), null) < 0) {
      fail(`bind mount ${source} on ${target}`);
    }
  }
  // Again on every call: the agent may have been killed between the mount and its attributes.
  if (isReadOnly) await makeReadOnly(target, isRecursive);
  if (propagation !== undefined) setPropagation(target, propagation, isRecursive);
}

async function isSameMounted(
  source: { readonly dev: number; readonly ino: number },
  target: string,
): Promise<boolean> {
  if (!(await isMountPoint(target))) return false;
  const present = await mapped(stat(target));
  if (present.dev === source.dev && present.ino === source.ino) return true;
  throw new AlreadyExistsError(`bind mount on ${target}: something else is mounted there`, { code: 'EBUSY' });
}

async function makeReadOnly(target: string, isRecursive: boolean): Promise<void> {
  const attributes = Buffer.alloc(MOUNT_ATTR_BYTES);
  attributes.writeBigUInt64LE(MOUNT_ATTR_RDONLY, 0);
  if (mountSetattr(target, isRecursive ? AT_RECURSIVE : 0, attributes) === 0) return;
  const errno = lastErrno();
  if (errnoName(errno) !== 'ENOSYS') throw errorOf(`make ${target} read-only`, errno);
  // Before Linux 5.12: this mount only, and a remount drops every flag that is not named again.
  const flags = remountFlags(findMountOf(target, await listMounts()));
  if (mount(null, target, null, MS_BIND | MS_REMOUNT | MS_RDONLY | flags, null) < 0) {
    fail(`remount ${target} read-only`);
  }
}

function remountFlags(present: MountInfo | undefined): number {
  const names = { nosuid: MS_NOSUID, nodev: MS_NODEV, noexec: MS_NOEXEC, noatime: 0x400, relatime: 1 << 21 };
  return Object.entries(names).reduce(
    (flags, [name, flag]) => (present?.options.includes(name) ? flags | flag : flags),
    0,
  );
}

function setPropagation(target: string, propagation: MountPropagation, isRecursive: boolean): void {
  const flags = PROPAGATION[propagation] | (isRecursive ? MS_REC : 0);
  if (mount(null, target, null, flags, null) < 0) fail(`make ${target} ${propagation}`);
}

/** Unmounts everything stacked on `target`; not mounted or not there is done. A busy mount is an UnavailableError, EBUSY. */
export async function ensureUnmounted(
  target: string,
  { isLazy = false }: { readonly isLazy?: boolean } = {},
): Promise<void> {
  const flags = UMOUNT_NOFOLLOW | (isLazy ? MNT_DETACH : 0);
  for (let count = 0; count < MAX_STACKED_MOUNTS; count++) {
    if (umount2(target, flags) === 0) continue;
    const errno = lastErrno();
    const code = errnoName(errno);
    if (code === 'ENOENT') return;
    // EINVAL: not a mount point, or one that is locked to us by a user namespace.
    if (code === 'EINVAL' && !(await isMountPoint(target))) return;
    throw errorOf(`unmount ${target}`, errno);
  }
}

/** Unmounts all mounts at and below `directory`, deepest first. */
export async function ensureUnmountedBelow(
  directory: string,
  options: { readonly isLazy?: boolean } = {},
): Promise<void> {
  const prefix = directory.endsWith('/') ? directory : `${directory}/`;
  const targets = (await listMounts())
    .map(({ target }) => target)
    .filter(target => target === directory || target.startsWith(prefix));
  // A child comes after its parent in mountinfo, whatever the length of its path.
  for (const target of new Set(targets.toReversed())) await ensureUnmounted(target, options);
}

/** Whether a mount's root is at `path`; a missing path is none. */
export async function isMountPoint(path: string): Promise<boolean> {
  const buffer = Buffer.alloc(STATX_BYTES);
  if (statx(path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, buffer) < 0) {
    const errno = lastErrno();
    if (['ENOENT', 'ENOTDIR'].includes(errnoName(errno))) return false;
    throw errorOf(`statx ${path}`, errno);
  }
  const [attributes, knownAttributes] = [buffer.readBigUInt64LE(8), buffer.readBigUInt64LE(56)];
  if ((knownAttributes & STATX_ATTR_MOUNT_ROOT) !== 0n) return (attributes & STATX_ATTR_MOUNT_ROOT) !== 0n;
  // Before Linux 5.8 the kernel does not say.
  return (await listMounts()).some(({ target }) => target === path);
}

/** Mounts below `directory` reach the containers that have it mounted, and back: `rshared`, made a mount if it is none. */
export async function makeRShared(directory: string): Promise<void> {
  await ensureDirectory(directory);
  const present = findMountOf(directory, await listMounts());
  if (present?.propagation.some(field => field.startsWith('shared:'))) return;
  if (present?.target !== directory && mount(directory, directory, null, MS_BIND | MS_REC, null) < 0) {
    fail(`bind mount ${directory} on itself`);
  }
  setPropagation(directory, 'shared', true);
}

export interface TmpfsOptions {
  /** Limit; undefined lets the kernel take half of the memory. */
  readonly sizeBytes?: number;
  /** Permission bits of its root, e.g. 0o1777. */
  readonly mode: number;
  /** Keep its pages out of swap, where the kernel (6.4) can. */
  readonly isNoSwap?: boolean;
  /** MS_* of this file; nosuid and nodev when missing. */
  readonly flags?: number;
}

/** A tmpfs on `target`; tells whether its content is kept out of swap. */
export async function ensureTmpfs(
  target: string,
  options: TmpfsOptions,
): Promise<{ readonly isNoSwap: boolean }> {
  const request = { source: 'tmpfs', target, fsType: 'tmpfs', flags: options.flags ?? MS_NOSUID | MS_NODEV };
  if (options.isNoSwap) {
    try {
      const outcome = await ensureMount({ ...request, data: tmpfsData(options, true) });
      if (outcome === 'mounted') return { isNoSwap: true };
      const present = findMountOf(target, await listMounts());
      return { isNoSwap: present?.superOptions.includes('noswap') ?? false };
    } catch (error) {
      // EINVAL: an older kernel; EPERM: a user namespace may not ask for it.
      if (!['EINVAL', 'EPERM'].includes(systemErrorCode(error) ?? '')) throw error;
    }
  }
  await ensureMount({ ...request, data: tmpfsData(options, false) });
  return { isNoSwap: false };
}

function tmpfsData({ sizeBytes, mode }: TmpfsOptions, isNoSwap: boolean): string {
  const options = [`mode=${mode.toString(8)}`];
  if (sizeBytes !== undefined) options.push(`size=${Math.ceil(sizeBytes)}`);
  if (isNoSwap) options.push('noswap');
  return options.join(',');
}

async function ensureDirectory(path: string): Promise<void> {
  await mapped(mkdir(path, { recursive: true, mode: 0o750 }));
}

async function ensureFile(path: string): Promise<void> {
  // Opening for append fails on a read-only bind mount that is there already.
  if (await pathExists(path)) return;
  await ensureDirectory(dirname(path));
  const file = await mapped(open(path, 'a', 0o640));
  await file.close();
}

function fail(what: string): never {
  throw errorOf(what, lastErrno());
}
