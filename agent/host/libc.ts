// The one place that calls libc directly, for what node: has no call for. Everything here is synchronous and returns
// within microseconds (local mounts, datagrams with MSG_DONTWAIT, netlink); nothing that can hang may be added.
import koffi, { type LibraryHandle } from 'koffi';
import { errnoError, type HostError } from './errors.ts';

export const AT_FDCWD = -100;

// koffi's function objects are untyped; this is the shape every binding below has.
type Binding = (...args: readonly unknown[]) => unknown;

const bindings = new Map<string, Binding>();
// Handles of the process itself, so they are per process too.
let library: LibraryHandle | undefined;

// Bound on first use: a command that mounts nothing pays nothing.
function bound(prototype: string): Binding {
  const known = bindings.get(prototype);
  if (known) return known;
  // The C library this process already runs on, glibc or musl.
  library ??= koffi.load(null);
  const binding: Binding = library.func(prototype);
  bindings.set(prototype, binding);
  return binding;
}

function callNumber(prototype: string, ...args: readonly unknown[]): number {
  return Number(bound(prototype)(...args));
}

/** The errno of the call just made; read it before anything else runs. */
export function lastErrno(): number {
  return koffi.errno();
}

/** The error of the call just made, with the C library's text. */
export function lastError(what: string): HostError {
  return errorOf(what, lastErrno());
}

export function errorOf(what: string, errno: number): HostError {
  return errnoError(what, errno, String(bound('const char *strerror(int errnum)')(errno)));
}

/** malloc_trim(3): free pages of the C heap go back to the kernel. musl has none, and needs none. */
export function trimHeap(): void {
  try {
    callNumber('int malloc_trim(size_t pad)', 0);
  } catch {
    // not in this C library
  }
}

/** mount(2); -1 on failure. */
export function mount(
  source: string | null,
  target: string,
  fsType: string | null,
  flags: number,
  data: string | null,
): number {
  return callNumber(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
    source,
    target,
    fsType,
    flags,
    data,
  );
}

/** umount2(2); -1 on failure. */
export function umount2(target: string, flags: number): number {
  return callNumber('int umount2(const char *target, int flags)', target, flags);
}

/** statx(2) into a buffer of at least 256 bytes (struct statx has the same layout on every architecture). */
export function statx(path: string, flags: number, mask: number, buffer: Buffer): number {
  return callNumber(
    'int statx(int dirfd, const char *path, int flags, unsigned int mask, void *buffer)',
    AT_FDCWD,
    path,
    flags,
    mask,
    buffer,
  );
}

// Calls newer than the oldest C library we run on; one number for x64 and arm64 (calls since 5.1 share theirs).
const SYS_mount_setattr = 442;

/** mount_setattr(2) with a struct mount_attr in `attributes`; -1 on failure, ENOSYS before Linux 5.12. */
export function mountSetattr(path: string, flags: number, attributes: Buffer): number {
  return callNumber(
    'long syscall(long number, long dirfd, const char *path, unsigned long flags, void *attributes, unsigned long size)',
    SYS_mount_setattr,
    AT_FDCWD,
    path,
    flags,
    attributes,
    attributes.length,
  );
}

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_TRUNC = 0x20;
export const ENOBUFS = 105;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
// fcntl(2)
const F_SETFL = 4;
const F_SETOWN = 8;
const O_ASYNC = 0o20000;

/** socket(2), close-on-exec; the descriptor, or -1. */
export function socket(domain: number, type: number, protocol: number): number {
  return callNumber('int socket(int domain, int type, int protocol)', domain, type | SOCK_CLOEXEC, protocol);
}

export function setSocketOption(fd: number, level: number, option: number, value: number): number {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return callNumber(
    'int setsockopt(int fd, int level, int name, const void *value, uint32_t size)',
    fd,
    level,
    option,
    buffer,
    buffer.length,
  );
}

/** getsockopt(2) into the whole buffer, whose content may be part of the question; -1 on failure. */
export function getSocketOption(fd: number, level: number, option: number, buffer: Buffer): number {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(buffer.length);
  return callNumber(
    'int getsockopt(int fd, int level, int name, void *value, void *size)',
    fd,
    level,
    option,
    buffer,
    size,
  );
}

/** bind(2); -1 on failure. */
export function bind(fd: number, address: Buffer): number {
  return callNumber('int bind(int fd, const void *address, uint32_t size)', fd, address, address.length);
}

/** SO_ATTACH_FILTER with the instructions of a classic filter, 8 bytes each; -1 on failure. */
export function attachFilter(fd: number, instructions: Buffer): number {
  // struct sock_fprog: a count, padding, a pointer.
  const type = koffi.struct({ count: 'uint16_t', instructions: 'const void *' });
  const program = Buffer.alloc(koffi.sizeof(type));
  koffi.encode(program, type, { count: instructions.length / 8, instructions });
  return callNumber(
    'int setsockopt(int fd, int level, int name, const void *value, uint32_t size)',
    fd,
    SOL_SOCKET,
    SO_ATTACH_FILTER,
    program,
    program.length,
  );
}

/** From now on SIGIO tells this process that the socket has something to read; -1 on failure. */
export function signalWhenReadable(fd: number): number {
  const fcntl = 'int fcntl(int fd, int command, long argument)';
  if (callNumber(fcntl, fd, F_SETOWN, process.pid) < 0) return -1;
  return callNumber(fcntl, fd, F_SETFL, O_ASYNC);
}

/** sendto(2), never waiting; the bytes sent, or -1. */
export function sendTo(fd: number, message: Buffer, address: Buffer): number {
  return callNumber(
    'long sendto(int fd, const void *message, size_t size, int flags, const void *address, uint32_t addressSize)',
    fd,
    message,
    message.length,
    MSG_DONTWAIT | MSG_NOSIGNAL,
    address,
    address.length,
  );
}

/** recv(2), never waiting; the whole datagram's length (it may exceed the buffer), or -1. */
export function receive(fd: number, buffer: Buffer): number {
  return callNumber(
    'long recv(int fd, void *buffer, size_t size, int flags)',
    fd,
    buffer,
    buffer.length,
    MSG_DONTWAIT | MSG_TRUNC,
  );
}

export function close(fd: number): void {
  callNumber('int close(int fd)', fd);
}
