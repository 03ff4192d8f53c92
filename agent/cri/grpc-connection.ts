// One gRPC connection to a runtime socket: deadlines, cancellation, errors and the register of calls under way.

import { Client, type ClientOptions, credentials, type Metadata, type ServiceError } from '@grpc/grpc-js';
import type { RpcMethod } from '../../cri-proto/load.ts';
import { systemClock } from '../lib/clock.ts';
import { errorMessage, InvalidError, UnavailableError } from '../lib/errors.ts';
import { toCriError } from './errors.ts';
import type { InFlightCalls } from './in-flight.ts';
import { countOperation } from './operation-metrics.ts';

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024; // same as the kubelet
const RECONNECT_BASE_MS = 100;
const RECONNECT_MAX_MS = 3000;

const CLIENT_OPTIONS: ClientOptions = {
  'grpc.default_authority': 'localhost', // a socket path is no authority that a Go server accepts
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.initial_reconnect_backoff_ms': RECONNECT_BASE_MS,
  'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS,
  // Not for a local socket, and each costs something in every call.
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
  // A connection of our own: no other client's back-off or close reaches it.
  'grpc.use_local_subchannel_pool': 1,
};

export interface UnaryOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** What the call is about, for the register. */
  readonly subject: string;
  /** See InFlightCall. */
  readonly expectedMs?: number;
}

export class GrpcConnection {
  /** As configured, for messages. */
  readonly endpoint: string;
  readonly #client: Client;
  readonly #inFlight: InFlightCalls;

  /** Connects lazily, with the first call. Throws InvalidError for an endpoint that is no unix socket. */
  constructor(endpoint: string, inFlight: InFlightCalls) {
    this.endpoint = endpoint;
    this.#client = new Client(parseEndpoint(endpoint), credentials.createInsecure(), CLIENT_OPTIONS);
    this.#inFlight = inFlight;
  }

  /** Throws the signal's reason when it aborts, otherwise one of the agent's error classes. */
  unary<Request, Response>(
    method: RpcMethod<Request, Response>,
    request: Request,
    { signal, timeoutMs, subject, expectedMs = 0 }: UnaryOptions,
    metadata?: Metadata,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const name = methodName(method.path);
      const startedAtMs = systemClock.nowMs();
      const end = this.#inFlight.begin(name, subject, expectedMs);
      const cancel = (): void => call.cancel();
      const onAnswer = (failure: ServiceError | null, response?: Response): void => {
        end();
        signal.removeEventListener('abort', cancel);
        const elapsedMs = systemClock.nowMs() - startedAtMs;
        countOperation(name, elapsedMs, failure !== null && !signal.aborted);
        if (!failure && response !== undefined) return resolve(response);
        if (signal.aborted) return reject(signal.reason);
        reject(this.#toError(failure, name, { timeoutMs, elapsedMs }));
      };
      const options = { deadline: startedAtMs + timeoutMs };
      const { path, requestSerialize, responseDeserialize } = method;
      const call = metadata
        ? this.#client.makeUnaryRequest(
            path,
            requestSerialize,
            responseDeserialize,
            request,
            metadata,
            options,
            onAnswer,
          )
        : this.#client.makeUnaryRequest(
            path,
            requestSerialize,
            responseDeserialize,
            request,
            options,
            onAnswer,
          );
      signal.addEventListener('abort', cancel, { once: true });
    });
  }

  /** Messages until the signal aborts (ends silently); throws UnavailableError when the stream breaks or ends. */
  async *stream<Request, Response>(
    method: RpcMethod<Request, Response>,
    request: Request,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<Response, void, void> {
    if (signal.aborted) return;
    const { path, requestSerialize, responseDeserialize } = method;
    const call = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const message of call) yield message;
    } catch (error) {
      if (signal.aborted) return;
      throw this.#toError(error, methodName(path), { timeoutMs: Infinity, elapsedMs: 0 });
    } finally {
      signal.removeEventListener('abort', cancel);
      call.cancel();
    }
    if (signal.aborted) return;
    throw new UnavailableError(`${methodName(path)}: the stream ended`, { code: 'Unavailable' });
  }

  close(): void {
    this.#client.close();
  }

  #toError(failure: unknown, method: string, times: { timeoutMs: number; elapsedMs: number }): Error {
    if (isServiceError(failure)) return toCriError(failure, { method, endpoint: this.endpoint, ...times });
    return new UnavailableError(errorMessage(failure ?? `${method}: no answer`), {
      code: 'Unknown',
      cause: failure,
    });
  }
}

/** `unix:///run/x.sock`, `unix:/run/x.sock` or `/run/x.sock` as gRPC wants it. */
export function parseEndpoint(endpoint: string): string {
  const path = /^(?:unix:(?:\/\/)?)?(\/[^/].*)$/.exec(endpoint)?.[1];
  if (path !== undefined) return `unix:${path}`;
  throw new InvalidError(
    `container runtime endpoint ${JSON.stringify(endpoint)}: expected unix:///path or /path`,
    {
      code: 'InvalidEndpoint',
    },
  );
}

function methodName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}
