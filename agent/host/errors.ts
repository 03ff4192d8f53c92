// Errnos become our error classes here and nowhere else, whether they come from libc or from node:fs.
import { getSystemErrorName } from 'node:util';
import {
  AlreadyExistsError,
  DeniedError,
  errorMessage,
  InvalidError,
  NotFoundError,
  UnavailableError,
} from '../lib/errors.ts';

type ErrorClass =
  | typeof AlreadyExistsError
  | typeof DeniedError
  | typeof InvalidError
  | typeof NotFoundError
  | typeof UnavailableError;

// Whatever is not here is a request that cannot work: InvalidError.
const CLASS_BY_CODE: Readonly<Record<string, ErrorClass>> = {
  ENOENT: NotFoundError,
  ENOTDIR: NotFoundError,
  ESRCH: NotFoundError,
  // Reading a file of a cgroup, device or namespace that went away after the open.
  ENODEV: NotFoundError,
  ENXIO: NotFoundError,
  EEXIST: AlreadyExistsError,
  ENOTEMPTY: AlreadyExistsError,
  EACCES: DeniedError,
  EPERM: DeniedError,
  EROFS: DeniedError,
  EAGAIN: UnavailableError,
  EBUSY: UnavailableError,
  ECONNREFUSED: UnavailableError,
  EHOSTUNREACH: UnavailableError,
  EINTR: UnavailableError,
  EIO: UnavailableError,
  EMFILE: UnavailableError,
  ENETDOWN: UnavailableError,
  ENETUNREACH: UnavailableError,
  ENFILE: UnavailableError,
  ENOBUFS: UnavailableError,
  ENOMEM: UnavailableError,
  ENOSPC: UnavailableError,
  EDQUOT: UnavailableError,
  ESTALE: UnavailableError,
  ETIMEDOUT: UnavailableError,
  ETXTBSY: UnavailableError,
};

export type HostError = InstanceType<ErrorClass>;

/** The error of a failed libc call: `what` names the call and its object, e.g. `mount tmpfs on /run/x`. */
export function errnoError(what: string, errno: number, text: string): HostError {
  const code = errnoName(errno);
  const ErrorClass = CLASS_BY_CODE[code] ?? InvalidError;
  return new ErrorClass(`${what}: ${text} (${code})`, { code });
}

/** `EBUSY` for 16: libuv knows the names of all errnos we meet. */
export function errnoName(errno: number): string {
  return errno > 0 ? getSystemErrorName(-errno) : 'OK';
}

function isHostError(error: unknown): boolean {
  return error instanceof InvalidError || Object.values(CLASS_BY_CODE).some(Class => error instanceof Class);
}

/** A node:fs or node:child_process error as one of ours; other errors pass unchanged. */
export function mapHostError(error: unknown): unknown {
  const code = systemErrorCode(error);
  if (code === undefined || isHostError(error)) return error;
  const ErrorClass = CLASS_BY_CODE[code] ?? InvalidError;
  return new ErrorClass(errorMessage(error), { code, cause: error });
}

/** Awaits node:fs work with its errors mapped. */
export async function mapped<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw mapHostError(error);
  }
}

/** `ENOENT` and the like of a node:fs or of our own error, undefined for everything else. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}
