// What probes do to pods: readiness in the API, restarts, the startup gate, and an agent that is killed.
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { Container, Pod } from '../../agent/api/objects.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { isReady, script, statusOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const MANY = 50;
const WEB_PORT = 8080;
const { signal } = new AbortController();
const cluster = await useCluster(t);
const node = await cluster.node();
t.teardown(() => node.node.agent.ensureStarted({ signal }));

const STAYS = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
const fileProbe = (name: string) => ({ exec: { command: ['cat', `/tmp/${name}`] }, periodSeconds: 1 });
const restartsOf = (pod: Pod): number => statusOf(pod).restartCount;
const startedAtMs = (pod: Pod): number => Date.parse(statusOf(pod).state.running?.startedAt ?? '');

async function touch(pod: Pod, name: string): Promise<void> {
  await node.exec(pod.metadata.uid ?? '', 'main', 'touch', `/tmp/${name}`);
}

async function remove(pod: Pod, name: string): Promise<void> {
  await node.exec(pod.metadata.uid ?? '', 'main', 'rm', '-f', `/tmp/${name}`);
}

t.test('readiness makes a pod Ready, unready, and Ready again', async t => {
  const readinessProbe = { ...fileProbe('ready'), failureThreshold: 1 };
  const created = await cluster.createPod('ready', { containers: [script(STAYS, { readinessProbe })] });
  const running = await cluster.untilPod(
    'ready',
    'running',
    pod => statusOf(pod).state.running !== undefined,
  );
  t.notOk(isReady(running));
  t.match(statusOf(running), { started: true, ready: false });
  await cluster.untilEvent(
    created,
    'Unhealthy',
    /^Readiness probe failed: cat: .*\/tmp\/ready.*: No such file/,
  );
  await touch(created, 'ready');
  await cluster.untilPod('ready', 'ready', isReady);
  await remove(created, 'ready');
  const unready = await cluster.untilPod('ready', 'unready', pod => !isReady(pod));
  t.match(
    unready.status?.conditions?.find(({ type }) => type === 'Ready'),
    { reason: 'ContainersNotReady', message: 'containers with unready status: [main]' },
  );
  t.equal(restartsOf(unready), 0);
});

t.test('a server that listens at once is Ready at once', async t => {
  const web: Partial<Container> = {
    image: IMAGES.web,
    readinessProbe: { httpGet: { port: WEB_PORT, path: '/' } },
  };
  await cluster.createPod('web', { containers: [web] });
  const pod = await cluster.untilRunning('web');
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  const tookMs = Date.parse(ready?.lastTransitionTime ?? '') - startedAtMs(pod);
  t.ok(tookMs <= 1000, `${tookMs} ms after the container's start`);
});

t.test('liveness restarts a container, and the new one starts afresh', async t => {
  const livenessProbe = { ...fileProbe('alive'), failureThreshold: 2, initialDelaySeconds: 1 };
  const readinessProbe = fileProbe('alive');
  const text = `touch /tmp/alive; ${STAYS}`;
  await cluster.createPod('lively', { containers: [script(text, { livenessProbe, readinessProbe })] });
  const pod = await cluster.untilRunning('lively');
  await remove(pod, 'alive');
  await cluster.untilEvent(pod, 'Unhealthy', /^Liveness probe failed: cat: /);
  await cluster.untilEvent(pod, 'Killing', 'Container main failed liveness probe, will be restarted');
  const after = await cluster.untilPod('lively', 'restarted', pod => restartsOf(pod) === 1 && isReady(pod));
  t.equal(restartsOf(after), 1);
});

t.test('nothing but the startup probe runs before it has passed', async t => {
  const startupProbe = { ...fileProbe('started'), failureThreshold: 60 };
  const livenessProbe = { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 };
  await cluster.createPod('gated', { containers: [script(STAYS, { startupProbe, livenessProbe })] });
  const pod = await cluster.untilPod('gated', 'running', pod => statusOf(pod).state.running !== undefined);
  await cluster.untilEvent(pod, 'Unhealthy', /^Startup probe failed: /);
  await cluster.untilEvent(pod, 'Unhealthy', /^Startup probe failed: /);
  const waiting = await cluster.untilPod('gated', 'there', () => true);
  t.match(statusOf(waiting), { started: false, ready: false, restartCount: 0 });
  await touch(pod, 'started');
  await cluster.untilPod('gated', 'started', pod => statusOf(pod).started === true);
  await cluster.untilEvent(pod, 'Killing', 'Container main failed liveness probe, will be restarted');
});

t.test('a container that does not start is killed for it', async t => {
  const startupProbe = { ...fileProbe('absent'), failureThreshold: 2 };
  const pod = await cluster.createPod('stuck', { containers: [script(STAYS, { startupProbe })] });
  await cluster.untilEvent(pod, 'Killing', 'Container main failed startup probe, will be restarted');
  await cluster.untilPod('stuck', 'restarted', pod => restartsOf(pod) > 0);
  t.pass();
});

t.test('readiness is told while the pod ends, and liveness kills nobody', async t => {
  const preStop = { exec: { command: ['sh', '-c', 'rm /tmp/ok; sleep 6'] } };
  const probe = { ...fileProbe('ok'), failureThreshold: 1 };
  const container = script(`touch /tmp/ok; ${STAYS}`, {
    lifecycle: { preStop },
    readinessProbe: probe,
    livenessProbe: probe,
  });
  await cluster.createPod('ending', { terminationGracePeriodSeconds: 20, containers: [container] });
  const pod = await cluster.untilRunning('ending');
  await cluster.deletePod('ending');
  await cluster.untilPod('ending', 'unready while it ends', pod => !isReady(pod), 5000);
  await cluster.untilGone('ending');
  const events = await cluster.events(pod);
  t.notOk(events.some(({ message }) => message.startsWith('Liveness')));
});

t.test(`an agent that is killed and started changes no status of ${MANY} Ready pods`, async t => {
  const web: Partial<Container> = {
    image: IMAGES.web,
    startupProbe: { tcpSocket: { port: WEB_PORT } },
    readinessProbe: { httpGet: { port: WEB_PORT, path: '/' }, periodSeconds: 2 },
    livenessProbe: { httpGet: { port: WEB_PORT, path: '/' }, periodSeconds: 2 },
  };
  const names = Array.from({ length: MANY }, (_, index) => `many-${index}`);
  const labels = { set: 'many' };
  await Promise.all(names.map(name => cluster.createPod(name, { containers: [web] }, { labels })));
  await waitFor('all to be ready', async () => (await cluster.listPods('set=many')).every(isReady), {
    deadlineMs: 120_000,
    pollMs: 500,
  });
  const versions = async () =>
    (await cluster.listPods('set=many'))
      .map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)
      .toSorted();
  const before = await versions();
  await node.node.agent.kill();
  await node.node.agent.ensureStarted({ signal });
  await cluster.createPod('afterwards', { containers: [web] });
  await cluster.untilRunning('afterwards');
  await delay(3000); // a period and a bit: each probe has run
  t.same(await versions(), before);
});
