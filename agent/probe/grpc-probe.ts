// grpc.health.v1.Health/Check. Its two messages have one field each, so they are written and read by hand.

import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { formatDuration } from '../lib/duration.ts';
import { joinHostPort } from './network-error.ts';
import type { ProbeOutcome } from './probe-outcome.ts';
import { buildUserAgent } from './user-agent.ts';

const CHECK_PATH = '/grpc.health.v1.Health/Check';
const SERVING_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const ANSWER_MAX_BYTES = 10 * 1024;

export interface GrpcTarget {
  readonly host: string;
  readonly port: number;
  readonly service: string;
}

interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export async function runGrpcProbe(target: GrpcTarget, { timeoutMs, signal }: Limits): Promise<ProbeOutcome> {
  signal.throwIfAborted();
  const address = joinHostPort(target.host, target.port);
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.primary_user_agent': buildUserAgent('probe'),
    'grpc.max_receive_message_length': ANSWER_MAX_BYTES,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.enable_channelz': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1, // a connection of this run's own
  });
  const close = (): void => client.close();
  signal.addEventListener('abort', close, { once: true });
  const deadlineAtMs = Date.now() + timeoutMs;
  try {
    if (!(await isConnected(client, deadlineAtMs))) {
      signal.throwIfAborted();
      const text = `failed to connect service ${JSON.stringify(address)} within ${formatDuration(timeoutMs)}`;
      const message = `timeout: ${text}: context deadline exceeded`;
      return { kind: 'failure', message, ownTimeoutMs: timeoutMs };
    }
    const outcome = await check(client, target.service, deadlineAtMs, timeoutMs);
    signal.throwIfAborted();
    return outcome;
  } finally {
    signal.removeEventListener('abort', close);
    client.close();
  }
}

// A refused connection is tried again until the time is up, as Go's blocking dial does.
function isConnected(client: Client, deadlineAtMs: number): Promise<boolean> {
  return new Promise(resolve => {
    client.waitForReady(deadlineAtMs, error => resolve(error === undefined || error === null));
  });
}

function check(
  client: Client,
  service: string,
  deadlineAtMs: number,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  return new Promise(resolve => {
    client.makeUnaryRequest(
      CHECK_PATH,
      encodeRequest,
      decodeStatus,
      service,
      { deadline: deadlineAtMs },
      (error, serving) => resolve(error ? failureOf(error, timeoutMs) : outcomeOf(serving)),
    );
  });
}

function outcomeOf(serving: string | undefined): ProbeOutcome {
  if (serving === 'SERVING') return { kind: 'success' };
  return { kind: 'failure', message: `service unhealthy (responded with ${JSON.stringify(serving ?? '')})` };
}

function failureOf({ code, details }: ServiceError, timeoutMs: number): ProbeOutcome {
  switch (code) {
    case status.UNIMPLEMENTED: {
      const text = 'this server does not implement the grpc health protocol (grpc.health.v1.Health)';
      return { kind: 'failure', message: `error: ${text}: ${details}` };
    }
    case status.DEADLINE_EXCEEDED: {
      const message = `timeout: health rpc did not complete within ${formatDuration(timeoutMs)}`;
      return { kind: 'failure', message, ownTimeoutMs: timeoutMs };
    }
    default: {
      const text = `rpc error: code = ${codeName(code)} desc = ${details}`;
      return { kind: 'failure', message: `error: health rpc probe failed: ${text}` };
    }
  }
}

function codeName(code: status): string {
  const words = (status[code] ?? 'UNKNOWN').toLowerCase().split('_');
  return words.map(word => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/** HealthCheckRequest: field 1, a string. */
export function encodeRequest(service: string): Buffer {
  const text = Buffer.from(service);
  if (text.length === 0) return Buffer.alloc(0);
  return Buffer.concat([Buffer.from([0x0a]), encodeVarint(text.length), text]);
}

/** HealthCheckResponse: field 1, a small enum; left out when it is 0. */
export function decodeStatus(bytes: Buffer): string {
  const value = bytes.length === 2 && bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0;
  return SERVING_STATUSES[value] ?? String(value);
}

function encodeVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
