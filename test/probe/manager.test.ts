// ProbeManager over instances that come and go: what runs when, whose verdict it is, and who is told. The probes are
// real ones, against servers on loopback; no runtime is asked for anything.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Container, ContainerStatus, Pod, Probe } from '../../agent/api/objects.ts';
import { connectRuntime } from '../../agent/cri/connect.ts';
import { systemClock } from '../../agent/lib/clock.ts';
import { createSilentLogger } from '../../agent/lib/logger.ts';
import { metricsRegistry, probeMetricsRegistry } from '../../agent/lib/metrics.ts';
import { ProbeManager } from '../../agent/probe/probe-manager.ts';
import type {
  ObservedContainer,
  ObservedContainerState,
  ObservedPod,
} from '../../agent/runtime/observed-pod.ts';
import { waitFor } from '../support/wait-for.ts';

const UID = 'uid-1';
const CONTEXT = { podIPs: ['127.0.0.1'], isTerminating: false };
const TERMINATING = { ...CONTEXT, isTerminating: true };

const connection = connectRuntime({ runtimeEndpoint: 'unix:///nonexistent/probe-test.sock' });
t.teardown(() => connection.close());

/** A server that is healthy or not, as the test says, and counts who asks. */
class Backend {
  status = 200;
  isMute = false;
  readonly counts = new Map<string, number>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url ?? '';
      this.counts.set(path, this.count(path) + 1);
      if (!this.isMute) response.writeHead(this.status).end();
    });
  }

  async listen(t: Test): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    t.teardown(() => {
      this.#server.close();
      this.#server.closeAllConnections();
    });
    return this;
  }

  count(path: string): number {
    return this.counts.get(path) ?? 0;
  }

  probe(path: string, more: Probe = {}): Probe {
    const { port } = this.#server.address() as AddressInfo; // a TCP server's
    return { httpGet: { port, path }, periodSeconds: 1, timeoutSeconds: 1, ...more };
  }
}

interface Fixture {
  readonly manager: ProbeManager;
  readonly events: string[];
  readonly changes: string[];
}

function start(t: Test, startedAtMs = Date.now() - 60_000): Fixture {
  const events: string[] = [];
  const changes: string[] = [];
  const manager = new ProbeManager({
    runtime: connection.runtime,
    clock: systemClock,
    logger: createSilentLogger(),
    emit: (_, containerName, type, reason, message) =>
      events.push(`${containerName} ${type} ${reason} ${message}`),
    startedAtMs,
  });
  manager.onChange(podUID => changes.push(podUID));
  const stop = new AbortController();
  const done = manager.run(stop.signal);
  t.teardown(async () => {
    manager.remove(UID);
    stop.abort();
    await done;
  });
  return { manager, events, changes };
}

function makePod(container: Partial<Container>, status: Partial<ContainerStatus> = {}): Pod {
  const containerStatus = {
    name: 'main',
    state: {},
    lastState: {},
    ready: false,
    restartCount: 0,
    image: '',
    imageID: '',
    ...status,
  };
  return {
    metadata: { name: 'p', namespace: 'n', uid: UID },
    spec: { containers: [{ name: 'main', image: 'i', ...container }] },
    status: { containerStatuses: [containerStatus] },
  };
}

interface Seen {
  readonly ageMs?: number;
  readonly state?: ObservedContainerState;
}

function observe(id: string, { ageMs = 0, state = 'running' }: Seen = {}): ObservedPod {
  const container: ObservedContainer = {
    id,
    sandboxId: 's',
    name: 'main',
    attempt: 0,
    state,
    createdAtMs: Date.now() - ageMs,
    startedAtMs: Date.now() - ageMs,
    finishedAtMs: undefined,
    exitCode: 0,
    reason: '',
    message: '',
    hash: '',
    restartCount: 0,
    image: '',
    imageRef: '',
    logPath: '',
    terminationGracePeriodSeconds: undefined,
    terminationMessagePolicy: '',
    user: undefined,
    terminationMessageHostPath: undefined,
  };
  return { podUID: UID, name: 'p', namespace: 'n', isStatic: false, sandboxes: [], containers: [container] };
}

const readinessOf = ({ manager }: Fixture, id: string) => manager.verdicts(UID, 'main', id).readiness;

t.test('a container becomes ready in the moment its probe passes', async t => {
  const backend = await new Backend().listen(t);
  const fixture = start(t);
  fixture.manager.sync(makePod({ readinessProbe: backend.probe('/ready') }), observe('a'), CONTEXT);
  t.equal(readinessOf(fixture, 'a'), 'failure');
  await waitFor('ready', () => readinessOf(fixture, 'a') === 'success', { pollMs: 1 });
  t.same(fixture.changes, [UID]);
  t.equal(backend.count('/ready'), 1);
  t.same(fixture.events, []);
});

t.test('a container that comes up late is ready soon after, and one event tells of the wait', async t => {
  const backend = await new Backend().listen(t);
  backend.status = 503;
  const fixture = start(t);
  const probe = backend.probe('/ready', { periodSeconds: 10 });
  fixture.manager.sync(makePod({ readinessProbe: probe }), observe('a'), CONTEXT);
  await delay(500);
  backend.status = 200;
  const startedAtMs = performance.now();
  await waitFor('ready', () => readinessOf(fixture, 'a') === 'success', { pollMs: 5 });
  t.ok(performance.now() - startedAtMs < 1000, 'long before the period is over');
  t.same(fixture.events, [
    'main Warning Unhealthy Readiness probe failed: HTTP probe failed with statuscode: 503',
  ]);
});

t.test('readiness is lost at the threshold and comes back', async t => {
  const backend = await new Backend().listen(t);
  const fixture = start(t);
  const probe = backend.probe('/ready', { failureThreshold: 2 });
  fixture.manager.sync(makePod({ readinessProbe: probe }), observe('a'), CONTEXT);
  await waitFor('ready', () => readinessOf(fixture, 'a') === 'success');
  backend.status = 500;
  const startedAtMs = performance.now();
  await waitFor('unready', () => readinessOf(fixture, 'a') === 'failure', { pollMs: 5 });
  const tookMs = performance.now() - startedAtMs;
  t.ok(tookMs > 900 && tookMs < 3000, `${Math.round(tookMs)} ms`);
  t.equal(fixture.events.length, 2, 'each failure is told');
  backend.status = 200;
  await waitFor('ready again', () => readinessOf(fixture, 'a') === 'success');
  t.equal(fixture.changes.length, 3);
});

t.test('liveness and readiness wait for startup', async t => {
  const backend = await new Backend().listen(t);
  backend.status = 500;
  const fixture = start(t);
  const pod = makePod({
    startupProbe: backend.probe('/startup', { failureThreshold: 30 }),
    livenessProbe: backend.probe('/live'),
    readinessProbe: backend.probe('/ready'),
  });
  fixture.manager.sync(pod, observe('a'), CONTEXT);
  await waitFor('some startup probes', () => backend.count('/startup') > 3);
  t.equal(backend.count('/live') + backend.count('/ready'), 0);
  t.same(fixture.manager.verdicts(UID, 'main', 'a'), {
    startup: 'unknown',
    liveness: 'success',
    readiness: 'failure',
  });
  backend.status = 200;
  await waitFor('ready', () => readinessOf(fixture, 'a') === 'success');
  const startups = backend.count('/startup');
  await waitFor('liveness probes', () => backend.count('/live') > 1);
  t.equal(backend.count('/startup'), startups, 'startup is not asked again');
  t.equal(fixture.manager.verdicts(UID, 'main', 'a').startup, 'success');
});

t.test('a startup probe that fails is decided and stops', async t => {
  const backend = await new Backend().listen(t);
  backend.status = 500;
  const fixture = start(t);
  const pod = makePod({ startupProbe: backend.probe('/startup', { failureThreshold: 1 }) });
  fixture.manager.sync(pod, observe('a'), CONTEXT);
  await waitFor('failure', () => fixture.manager.verdicts(UID, 'main', 'a').startup === 'failure');
  const count = backend.count('/startup');
  await delay(1500);
  t.equal(backend.count('/startup'), count);
  t.same(fixture.events, [
    'main Warning Unhealthy Startup probe failed: HTTP probe failed with statuscode: 500',
  ]);
});

t.test('a new instance starts afresh', async t => {
  const backend = await new Backend().listen(t);
  const fixture = start(t);
  const pod = makePod({
    livenessProbe: backend.probe('/live', { failureThreshold: 1 }),
    readinessProbe: backend.probe('/ready', { failureThreshold: 1 }),
  });
  fixture.manager.sync(pod, observe('a'), CONTEXT);
  await waitFor('ready', () => readinessOf(fixture, 'a') === 'success');
  backend.status = 500;
  await waitFor('dead', () => fixture.manager.verdicts(UID, 'main', 'a').liveness === 'failure');
  const count = backend.count('/live');
  fixture.manager.sync(pod, observe('a', { state: 'exited' }), CONTEXT);
  await delay(1200);
  t.equal(backend.count('/live'), count, 'what does not run is not probed');
  const fresh = { liveness: 'success', readiness: 'failure' };
  t.same(fixture.manager.verdicts(UID, 'main', 'b'), fresh, 'before it is known');
  fixture.manager.sync(pod, observe('b'), CONTEXT);
  t.same(fixture.manager.verdicts(UID, 'main', 'b'), fresh);
  await waitFor('dead again', () => fixture.manager.verdicts(UID, 'main', 'b').liveness === 'failure');
});

t.test('a pod that ends is probed for readiness alone, and nothing is killed for its probes', async t => {
  const backend = await new Backend().listen(t);
  const fixture = start(t);
  const pod = makePod({
    startupProbe: backend.probe('/startup'),
    livenessProbe: backend.probe('/live', { failureThreshold: 1 }),
    readinessProbe: backend.probe('/ready', { failureThreshold: 1 }),
  });
  fixture.manager.sync(pod, observe('a'), CONTEXT);
  await waitFor('ready', () => readinessOf(fixture, 'a') === 'success');
  fixture.manager.sync(pod, observe('a'), TERMINATING);
  const count = backend.count('/live');
  backend.status = 500;
  await waitFor('unready', () => readinessOf(fixture, 'a') === 'failure');
  await delay(1200);
  t.equal(backend.count('/live'), count);
  t.match(fixture.manager.verdicts(UID, 'main', 'a'), { startup: 'success', liveness: 'success' });
});

t.test('an agent that starts keeps what the API says', async t => {
  const backend = await new Backend().listen(t);
  const container = {
    startupProbe: backend.probe('/startup'),
    livenessProbe: backend.probe('/live'),
    readinessProbe: backend.probe('/ready'),
  };
  const told = { containerID: 'containerd://a', started: true, ready: true };
  const old = { ageMs: 60_000 };
  await t.test('of a container that was ready', async t => {
    const fixture = start(t, Date.now());
    fixture.manager.sync(makePod(container, told), observe('a', old), CONTEXT);
    const kept = { startup: 'success', liveness: 'success', readiness: 'success' };
    t.same(fixture.manager.verdicts(UID, 'main', 'a'), kept);
    await waitFor('probes of both kinds', () => backend.count('/live') > 0 && backend.count('/ready') > 0);
    t.equal(backend.count('/startup'), 0);
    t.same(fixture.changes, [], 'nothing changed');
  });
  await t.test('but not of an instance that the API does not know', async t => {
    const fixture = start(t, Date.now());
    backend.status = 500;
    fixture.manager.sync(
      makePod(container, { ...told, containerID: 'containerd://z' }),
      observe('a', old),
      CONTEXT,
    );
    const fresh = { startup: 'unknown', liveness: 'success', readiness: 'failure' };
    t.same(fixture.manager.verdicts(UID, 'main', 'a'), fresh);
    backend.status = 200;
    await waitFor('ready', () => readinessOf(fixture, 'a') === 'success');
  });
});

t.test('a probe that hangs ends at its timeout and holds nobody up', async t => {
  const mute = await new Backend().listen(t);
  const backend = await new Backend().listen(t);
  mute.isMute = true;
  const fixture = start(t);
  const pod = makePod({ livenessProbe: mute.probe('/hangs'), readinessProbe: backend.probe('/ready') });
  fixture.manager.sync(pod, observe('a'), CONTEXT);
  await waitFor('its event', () => fixture.events.length > 0);
  t.match(fixture.events[0], /Liveness probe failed: Get .*Client.Timeout exceeded while awaiting headers/);
  t.equal(readinessOf(fixture, 'a'), 'success');
  t.ok(backend.count('/ready') >= 2);
});

t.test('a timeout while the agent had no time is not counted', async t => {
  const backend = await new Backend().listen(t);
  const fixture = start(t);
  const pod = makePod({ livenessProbe: backend.probe('/live', { failureThreshold: 1 }) });
  fixture.manager.sync(pod, observe('a'), CONTEXT);
  backend.isMute = true;
  await waitFor('the request', () => backend.count('/live') === 1, { pollMs: 1 });
  const untilMs = performance.now() + 2000;
  while (performance.now() < untilMs); // the loop is blocked, the probe's timer with it
  backend.isMute = false;
  await waitFor('a repetition', () => backend.count('/live') > 1);
  await delay(300);
  t.same(fixture.events, []);
  t.equal(fixture.manager.verdicts(UID, 'main', 'a').liveness, 'success');
  t.match(
    await metricsRegistry.metrics(),
    /nodelet_prober_inconclusive_total\{probe_type="Liveness"\} [1-9]/,
  );
});

t.test('probes of a full node are spread over the period after a restart', async t => {
  const backend = await new Backend().listen(t);
  const { manager } = start(t, Date.now());
  const probe = backend.probe('/many', { periodSeconds: 2 });
  const pods = 100;
  for (let i = 0; i < pods; i += 1) {
    const podUID = `many-${i}`;
    const told = { containerID: 'containerd://a', started: true, ready: true };
    manager.sync(
      makePod({ readinessProbe: probe }, told),
      { ...observe('a', { ageMs: 5000 }), podUID },
      CONTEXT,
    );
  }
  await delay(1000);
  const half = backend.count('/many');
  t.ok(half > 40 && half < 60, `${half} of ${pods} in half the period`);
  for (let i = 0; i < pods; i += 1) manager.remove(`many-${i}`);
  await delay(100);
  const after = backend.count('/many');
  await delay(1200);
  t.equal(backend.count('/many'), after, 'a removed pod is not probed');
});

t.test('series are there while the pod is', async t => {
  const backend = await new Backend().listen(t);
  const fixture = start(t);
  fixture.manager.sync(makePod({ readinessProbe: backend.probe('/ready') }), observe('a'), CONTEXT);
  await waitFor('ready', () => readinessOf(fixture, 'a') === 'success');
  const labels = 'probe_type="Readiness",container="main",pod="p",namespace="n"';
  await delay(10);
  const text = await probeMetricsRegistry.metrics();
  t.match(text, new RegExp(`prober_probe_total\\{${labels},pod_uid="${UID}",result="successful"\\} 1`));
  t.match(text, new RegExp(`prober_probe_duration_seconds_count\\{${labels}\\} 1`));
  fixture.manager.remove(UID);
  t.notMatch(await probeMetricsRegistry.metrics(), new RegExp(`pod_uid="${UID}"`));
  t.same(fixture.manager.verdicts(UID, 'main', 'a'), {});
});
