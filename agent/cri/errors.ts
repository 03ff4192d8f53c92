// gRPC statuses become the agent's error classes here, and nowhere else.

import { type ServiceError, status } from '@grpc/grpc-js';
import { formatDuration } from '../lib/duration.ts';
import {
  AlreadyExistsError,
  ConflictError,
  DeniedError,
  InvalidError,
  NotFoundError,
  UnavailableError,
} from '../lib/errors.ts';

export interface CallContext {
  readonly method: string;
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly elapsedMs: number;
}

type GrpcFailure = Pick<ServiceError, 'code' | 'details'>;

/**
 * The message is the status's own text without "rpc error: code = ...", the code its name in Go's spelling
 * (`NotFound`, `DeadlineExceeded`, `Unknown`), the cause what gRPC threw.
 */
export function toCriError(failure: GrpcFailure, context: CallContext): Error {
  const details = { code: codeName(failure.code), cause: failure };
  const message = failure.details;
  if (RESERVED_TEXT.test(message)) return new ConflictError(message, { ...details, code: 'NameReserved' });
  if (STARTING_TEXT.test(message)) return new ConflictError(message, { ...details, code: 'NotStartable' });
  switch (failure.code) {
    case status.NOT_FOUND:
      return new NotFoundError(message, details);
    case status.ALREADY_EXISTS:
      return new AlreadyExistsError(message, details);
    case status.ABORTED:
      return new ConflictError(message, details);
    case status.PERMISSION_DENIED:
    case status.UNAUTHENTICATED:
      return new DeniedError(message, details);
    case status.INVALID_ARGUMENT:
    case status.FAILED_PRECONDITION:
    case status.OUT_OF_RANGE:
    case status.UNIMPLEMENTED:
      return new InvalidError(message, details);
    case status.UNKNOWN:
      return isNotFoundText(message)
        ? new NotFoundError(message, { ...details, code: 'NotFound' })
        : new UnavailableError(message, details);
    case status.DEADLINE_EXCEEDED:
      return new UnavailableError(deadlineText(message, context), details);
    case status.UNAVAILABLE:
      return new UnavailableError(connectionText(message, context), details);
    default:
      // CANCELLED (by the runtime), RESOURCE_EXHAUSTED, INTERNAL, DATA_LOSS: nothing says it cannot work next time.
      return new UnavailableError(message, details);
  }
}

// A sandbox or container of this name and attempt exists, or is being made or unmade: list again, then decide.
// UNKNOWN in containerd 1.x; FAILED_PRECONDITION in 2.x.
const RESERVED_TEXT = /^failed to reserve (?:sandbox|container) name .* is reserved for /;

// The container is being started, perhaps for a caller that has died, or is created no more: look again, then decide.
const STARTING_TEXT = /^failed to set starting state for container /;

// containerd answers UNKNOWN for nearly everything it did not classify. Only an object that is named is taken for
// missing: "executable file not found in $PATH" must stay a failure.
const NOT_FOUND_TEXT =
  /\b(?:container|sandbox|task|process) (?:id )?"?[\w.-]+"?:? (?:does not exist|not found)\b/i;
const NOT_FOUND_END = /\btry to find (?:container|sandbox) .*: not found$/;

function isNotFoundText(message: string): boolean {
  return NOT_FOUND_TEXT.test(message) || NOT_FOUND_END.test(message);
}

// Our own deadline and one that the runtime met inside carry the same code; only the time tells them apart.
function deadlineText(message: string, { method, timeoutMs, elapsedMs }: CallContext): string {
  return elapsedMs >= timeoutMs
    ? `${method}: the container runtime did not answer within ${formatDuration(timeoutMs)}`
    : message;
}

const CONNECT_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nobody listens on it',
  EACCES: 'permission denied',
  ENOTSOCK: 'it is not a socket',
};

function connectionText(message: string, { endpoint }: CallContext): string {
  const errno = /\bconnect (E[A-Z]+)/.exec(message)?.[1];
  if (errno === undefined) return message;
  return `cannot reach the container runtime at ${endpoint}: ${CONNECT_FAILURES[errno] ?? errno}`;
}

// OK CANCELLED INVALID_ARGUMENT ... in the spelling that Kubernetes events and logs use.
function codeName(code: number): string {
  const name = status[code] ?? 'UNKNOWN';
  if (name === 'CANCELLED') return 'Canceled';
  return name.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
