// exec, attach and port-forward: find what is meant, let the runtime open a session, hand the connection over.

import type { Pod } from '../api/objects.ts';
import type { RuntimeService } from '../cri/runtime-service.ts';
import { errorMessage, NotFoundError, UnavailableError } from '../lib/errors.ts';
import { formatPod } from '../pod/naming.ts';
import type { PodsView } from '../pod/pods-view.ts';
import type { RuntimeSnapshots } from '../runtime/snapshots.ts';
import { findContainerSpec } from './container-spec.ts';
import { type Exchange, sendText } from './exchange.ts';
import type { Route } from './router.ts';
import { runningContainer } from './running-container.ts';
import { proxyUpgrade } from './upgrade-proxy.ts';

export interface StreamingDeps {
  readonly pods: PodsView;
  readonly snapshots: RuntimeSnapshots;
  readonly runtime: RuntimeService;
  readonly idleTimeoutMs: number;
}

type Target =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'refused'; readonly status: number; readonly text: string };

type Opener = (exchange: Exchange, deps: StreamingDeps) => Promise<Target>;

const METHODS = ['GET', 'POST'];
const RETRY_AFTER_SECONDS = 60; // as the kubelet, when the runtime has too many sessions

export function streamingRoutes(deps: StreamingDeps): readonly Route[] {
  const route = (path: string, open: Opener): Route => ({
    methods: METHODS,
    path,
    canUpgrade: true,
    handle: exchange => serve(exchange, open, deps),
  });
  return [
    route('/exec/{namespace}/{pod}/{container}', openExec),
    route('/exec/{namespace}/{pod}/{uid}/{container}', openExec),
    route('/attach/{namespace}/{pod}/{container}', openAttach),
    route('/attach/{namespace}/{pod}/{uid}/{container}', openAttach),
    route('/portForward/{namespace}/{pod}', openPortForward),
    route('/portForward/{namespace}/{pod}/{uid}', openPortForward),
  ];
}

async function serve(exchange: Exchange, open: Opener, deps: StreamingDeps): Promise<void> {
  const { response, upgrade } = exchange;
  try {
    const target = await open(exchange, deps);
    if (target.kind === 'refused') sendText(response, target.status, target.text);
    else if (!upgrade) sendText(response, 400, 'Upgrade request required');
    else await proxyUpgrade(exchange, upgrade, new URL(target.url), deps);
  } catch (error) {
    exchange.signal.throwIfAborted();
    sendRuntimeError(exchange, error);
  }
}

function sendRuntimeError({ response }: Exchange, error: unknown): void {
  if (error instanceof UnavailableError && error.code === 'ResourceExhausted') {
    response.setHeader('retry-after', RETRY_AFTER_SECONDS);
    sendText(response, 429, errorMessage(error));
    return;
  }
  sendText(response, error instanceof NotFoundError ? 404 : 500, errorMessage(error));
}

interface Session {
  readonly kind: 'session';
  readonly streams: Streams;
  readonly pod: Pod;
  readonly containerName: string;
  /** Undefined when no such container runs. */
  readonly containerId: string | undefined;
}

/** What exec and attach ask for alike. */
function readSession({ query, params }: Exchange, deps: StreamingDeps): Session | Target {
  const streams = readStreams(query);
  if (!streams) return refused(400, 'you must specify at least 1 of stdin, stdout, stderr');
  const pod = findPod(params, deps);
  if (!pod) return refused(404, 'pod does not exist');
  const containerName = params['container'] ?? '';
  const containerId = runningContainer(pod, containerName, deps.snapshots);
  return { kind: 'session', streams, pod, containerName, containerId };
}

async function openExec(exchange: Exchange, deps: StreamingDeps): Promise<Target> {
  const session = readSession(exchange, deps);
  if (session.kind !== 'session') return session;
  const { streams, containerName, containerId } = session;
  if (containerId === undefined) return refused(500, `container not found ("${containerName}")`);
  const cmd = exchange.query.getAll('command');
  const url = await deps.runtime.exec({ containerId, cmd, ...streams }, { signal: exchange.signal });
  return { kind: 'url', url };
}

async function openAttach(exchange: Exchange, deps: StreamingDeps): Promise<Target> {
  const session = readSession(exchange, deps);
  if (session.kind !== 'session') return session;
  const { streams, pod, containerName, containerId } = session;
  const spec = findContainerSpec(pod, containerName);
  if (containerId === undefined || !spec) {
    const { namespace = 'default', name: podName } = pod.metadata;
    return refused(500, `container ${containerName} not found in pod ${podName}_${namespace}`);
  }
  // The terminal is the container's or there is none; what the client thinks does not matter.
  const tty = spec.tty === true;
  const { stdin, stdout, stderr } = streams;
  const url = await deps.runtime.attach(
    { containerId, stdin, stdout, stderr: stderr && !tty, tty },
    { signal: exchange.signal },
  );
  return { kind: 'url', url };
}

async function openPortForward({ query, params, signal }: Exchange, deps: StreamingDeps): Promise<Target> {
  const ports = query.getAll('port').flatMap(text => text.split(','));
  const numbers = ports.map(Number);
  if (numbers.some(port => !Number.isInteger(port) || port < 1 || port > 65_535)) {
    return refused(400, `query parameter "port" cannot be parsed as a port: ${ports.join(',')}`);
  }
  const pod = findPod(params, deps);
  if (!pod) return refused(404, 'pod does not exist');
  const { uid = '' } = pod.metadata;
  if (params['uid'] !== undefined && params['uid'] !== uid) return refused(404, 'pod not found');
  const sandbox = deps.snapshots.get(uid)?.sandboxes[0];
  if (!sandbox) return refused(500, `failed to find sandboxID for pod ${formatPod(pod)}`);
  const url = await deps.runtime.portForward({ podSandboxId: sandbox.id, port: numbers }, { signal });
  return { kind: 'url', url };
}

interface Streams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Undefined when none is asked for. A terminal has one output: stderr beside it is dropped. */
function readStreams(query: URLSearchParams): Streams | undefined {
  const isSet = (name: string): boolean => query.get(name) === '1';
  const tty = isSet('tty');
  const streams = { stdin: isSet('input'), stdout: isSet('output'), stderr: isSet('error') && !tty, tty };
  return streams.stdin || streams.stdout || streams.stderr ? streams : undefined;
}

function findPod(params: Exchange['params'], { pods }: StreamingDeps): Pod | undefined {
  return pods.find(params['namespace'] ?? '', params['pod'] ?? '');
}

function refused(status: number, text: string): Target {
  return { kind: 'refused', status, text };
}
