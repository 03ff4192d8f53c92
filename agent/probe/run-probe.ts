import type { Container, HTTPGetAction, TCPSocketAction } from '../api/objects.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { errorMessage } from '../lib/errors.ts';
import { resolveContainerPort } from './container-port.ts';
import { runExecProbe } from './exec-probe.ts';
import { runGrpcProbe } from './grpc-probe.ts';
import { httpGet } from './http-get.ts';
import { buildHttpRequest } from './http-request.ts';
import type { ProbeOutcome } from './probe-outcome.ts';
import type { ProbeSpec } from './probe-spec.ts';
import { runTcpProbe } from './tcp-probe.ts';

export interface ProbeTarget {
  readonly runtime: RuntimeService;
  readonly podUID: string;
  readonly podIP: string;
  readonly container: Container;
  readonly containerId: string;
}

interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Runs the probe's handler once. Throws the signal's reason only. */
export async function runProbe(
  { handler, timeoutMs }: ProbeSpec,
  target: ProbeTarget,
  { signal }: { readonly signal: AbortSignal },
): Promise<ProbeOutcome> {
  const limits = { timeoutMs, signal };
  try {
    if (handler.exec) return await runExecProbe(handler.exec, target, limits);
    if (handler.httpGet) return await runHttp(handler.httpGet, target, limits);
    if (handler.tcpSocket) return await runTcp(handler.tcpSocket, target, limits);
    if (handler.grpc) {
      const { port, service } = handler.grpc;
      return await runGrpcProbe({ host: target.podIP, port, service: service ?? '' }, limits);
    }
  } catch (error) {
    signal.throwIfAborted();
    return unknown(errorMessage(error));
  }
  return unknown(`missing probe handler for container ${target.container.name}`);
}

async function runHttp(action: HTTPGetAction, target: ProbeTarget, limits: Limits): Promise<ProbeOutcome> {
  const built = buildHttpRequest(action, target.container, target.podIP, 'probe');
  if (built.kind === 'invalid') return unknown(built.message);
  const outcome = await httpGet(built.request, limits);
  switch (outcome.kind) {
    case 'failed':
      return {
        kind: 'failure',
        message: outcome.message,
        ...(outcome.isTimeout ? { ownTimeoutMs: limits.timeoutMs } : {}),
      };
    case 'brokenBody':
      return { kind: 'error', result: 'failure', message: outcome.message };
    case 'response':
      return judgeResponse(outcome.status, outcome.body);
  }
}

function judgeResponse(status: number, body: string): ProbeOutcome {
  if (status >= 200 && status < 300) return { kind: 'success' };
  if (status >= 300 && status < 400) {
    return { kind: 'warning', message: `Probe terminated redirects, Response body: ${body}` };
  }
  // Never the body: who may read events need not be who may read that.
  return { kind: 'failure', message: `HTTP probe failed with statuscode: ${status}` };
}

async function runTcp(action: TCPSocketAction, target: ProbeTarget, limits: Limits): Promise<ProbeOutcome> {
  const resolved = resolveContainerPort(action.port, target.container);
  if (resolved.kind === 'invalid') return unknown(resolved.message);
  return await runTcpProbe(action.host || target.podIP, resolved.port, limits);
}

function unknown(message: string): ProbeOutcome {
  return { kind: 'error', result: 'unknown', message };
}
