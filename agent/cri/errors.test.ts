import { status } from '@grpc/grpc-js';
import t from 'tap';
import {
  AlreadyExistsError,
  ConflictError,
  DeniedError,
  InvalidError,
  NotFoundError,
  UnavailableError,
} from '../lib/errors.ts';
import { toCriError } from './errors.ts';

const context = {
  method: 'StopContainer',
  endpoint: 'unix:///run/containerd/containerd.sock',
  timeoutMs: 120_000,
  elapsedMs: 5,
};

const classes = [
  [status.NOT_FOUND, NotFoundError, 'NotFound'],
  [status.ALREADY_EXISTS, AlreadyExistsError, 'AlreadyExists'],
  [status.ABORTED, ConflictError, 'Aborted'],
  [status.UNAUTHENTICATED, DeniedError, 'Unauthenticated'],
  [status.PERMISSION_DENIED, DeniedError, 'PermissionDenied'],
  [status.INVALID_ARGUMENT, InvalidError, 'InvalidArgument'],
  [status.FAILED_PRECONDITION, InvalidError, 'FailedPrecondition'],
  [status.UNIMPLEMENTED, InvalidError, 'Unimplemented'],
  [status.UNAVAILABLE, UnavailableError, 'Unavailable'],
  [status.DEADLINE_EXCEEDED, UnavailableError, 'DeadlineExceeded'],
  [status.RESOURCE_EXHAUSTED, UnavailableError, 'ResourceExhausted'],
  [status.INTERNAL, UnavailableError, 'Internal'],
  [status.CANCELLED, UnavailableError, 'Canceled'],
  [status.UNKNOWN, UnavailableError, 'Unknown'],
] as const;

for (const [code, expectedClass, expectedCode] of classes) {
  t.test(`toCriError() makes ${expectedClass.name} of ${status[code]}`, async t => {
    const error = toCriError({ code, details: 'some text' }, context);
    t.type(error, expectedClass);
    t.match(error, { code: expectedCode, message: 'some text' });
  });
}

t.test('toCriError() takes an object that is named for missing, also when the status is UNKNOWN', async t => {
  const texts = [
    'an error occurred when try to find container "abc123": not found',
    'container "4f3a" does not exist',
    'failed to get task status: task 4f3a not found',
  ];
  for (const details of texts) {
    t.match(toCriError({ code: status.UNKNOWN, details }, context), {
      name: 'NotFoundError',
      code: 'NotFound',
    });
  }
});

t.test('toCriError() takes a start under way for a conflict', async t => {
  const details = 'failed to set starting state for container "4f3a": container is already in starting state';
  t.match(toCriError({ code: status.UNKNOWN, details }, context), {
    name: 'ConflictError',
    code: 'NotStartable',
  });
});

t.test('toCriError() takes a reserved name for a conflict', async t => {
  const details = 'failed to reserve container name "x_p_d_u_0": name "x_p_d_u_0" is reserved for "2b22"';
  const error = toCriError({ code: status.UNKNOWN, details }, context);
  t.match(error, { name: 'ConflictError', code: 'NameReserved' });
});

t.test('toCriError() keeps a missing command a failure', async t => {
  const details =
    'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: ' +
    'unable to start container process: exec: "no-such": executable file not found in $PATH: unknown';
  t.match(toCriError({ code: status.UNKNOWN, details }, context), {
    name: 'UnavailableError',
    code: 'Unknown',
  });
});

t.test('toCriError() tells our own deadline from one the runtime met', async t => {
  const failure = {
    code: status.DEADLINE_EXCEEDED,
    details: 'timeout 1s exceeded: context deadline exceeded',
  };
  t.match(toCriError(failure, context), { message: failure.details });
  t.match(toCriError(failure, { ...context, elapsedMs: 120_001 }), {
    message: 'StopContainer: the container runtime did not answer within 2m0s',
    code: 'DeadlineExceeded',
  });
});

t.test('toCriError() names the endpoint that cannot be reached', async t => {
  const details =
    'No connection established. Last error: Error: connect ENOENT /run/containerd/containerd.sock. Resolution note: ';
  t.match(toCriError({ code: status.UNAVAILABLE, details }, context), {
    message:
      'cannot reach the container runtime at unix:///run/containerd/containerd.sock: there is no such socket',
  });
});
