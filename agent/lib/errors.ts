// The few error classes of the agent. Edges map HTTP statuses, gRPC codes and errnos to them once; everybody else
// asks `instanceof` and never reads a status number or parses a message.

interface ErrorDetails {
  readonly code: string;
  readonly cause?: unknown;
}

abstract class CodedError extends Error {
  /** Stable, machine-readable, e.g. `NotFound`, `DeadlineExceeded`, `ENOENT`. */
  readonly code: string;

  constructor(message: string, details: ErrorDetails) {
    super(message, { cause: details.cause });
    this.code = details.code;
  }
}

/** The thing is not there. Idempotent removals treat it as done. */
export class NotFoundError extends CodedError {
  override readonly name = 'NotFoundError';
}

/** The thing is there already. Idempotent creations treat it as done. */
export class AlreadyExistsError extends CodedError {
  override readonly name = 'AlreadyExistsError';
}

/** Somebody else changed the object first: read again, decide again. */
export class ConflictError extends CodedError {
  override readonly name = 'ConflictError';
}

/** Peer away, overloaded or too slow: the same call may work later. */
export class UnavailableError extends CodedError {
  override readonly name = 'UnavailableError';
  /** The peer's own wish (HTTP Retry-After), milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: ErrorDetails & { readonly retryAfterMs?: number }) {
    super(message, details);
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** The request itself is wrong: repeating it unchanged cannot work. */
export class InvalidError extends CodedError {
  override readonly name = 'InvalidError';
}

/** Not authenticated or not authorised. */
export class DeniedError extends CodedError {
  override readonly name = 'DeniedError';
}

/** A list or watch position that the server no longer has (HTTP 410): list again. */
export class ExpiredError extends CodedError {
  override readonly name = 'ExpiredError';
}

/** The text of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
