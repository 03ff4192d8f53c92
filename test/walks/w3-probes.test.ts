// W3, probes: a container that turns bad is restarted, a slow one is left alone, one that is not ready gets no traffic.
// The walk's numbers divided by five; nothing else is different.
import t from 'tap';
import { type EventObject, isReady, script, statusOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const HEALTHY_SECONDS = 6;
const exec = (...command: string[]) => ({ exec: { command } });

async function firstTime(events: readonly EventObject[], reason: string): Promise<number> {
  const event = events.find(candidate => candidate.reason === reason);
  return Date.parse(event?.metadata.creationTimestamp ?? '');
}

t.test('liveness: healthy for a while, then restarted once, with its events in order', async t => {
  const livenessProbe = {
    ...exec('cat', '/tmp/healthy'),
    initialDelaySeconds: 1,
    periodSeconds: 1,
    failureThreshold: 3,
  };
  const text = `trap "exit 0" TERM; touch /tmp/healthy; sleep ${HEALTHY_SECONDS}; rm /tmp/healthy; sleep 600 & wait $!`;
  await cluster.createPod('liveness', { containers: [script(text, { livenessProbe })] });
  const running = await cluster.untilRunning('liveness');
  const startedAtMs = Date.parse(statusOf(running).state.running?.startedAt ?? '');
  const restarted = await cluster.untilPod('liveness', 'restarted', pod => statusOf(pod).restartCount === 1);
  const endedAtMs = Date.parse(statusOf(restarted).lastState.terminated?.finishedAt ?? '');
  const livedMs = endedAtMs - startedAtMs;
  const expectedMs = (HEALTHY_SECONDS + 2) * 1000; // three failures a second apart
  t.ok(livedMs >= expectedMs - 1000 && livedMs <= expectedMs + 6000, `it lived ${livedMs} ms`);
  await cluster.untilEvent(
    restarted,
    'Unhealthy',
    /^Liveness probe failed: cat: can't open '\/tmp\/healthy'/,
  );
  await cluster.untilEvent(restarted, 'Killing', 'Container main failed liveness probe, will be restarted');
  const events = await cluster.events(restarted);
  t.ok(
    (await firstTime(events, 'Unhealthy')) <= (await firstTime(events, 'Killing')),
    'first bad, then killed',
  );
  const shown = await cluster.kubectl('get', 'pod', 'liveness', '--no-headers');
  t.match(shown, /^liveness\s+1\/1\s+Running\s+1 \(\d+s ago\)/);
});

t.test('startup: its budget keeps the liveness probe off a slow starter', async t => {
  const check = exec('test', '-e', '/tmp/started');
  await cluster.createPod('slow', {
    containers: [
      script('trap "exit 0" TERM; sleep 4; touch /tmp/started; while :; do sleep 1 & wait $!; done', {
        startupProbe: { ...check, periodSeconds: 1, failureThreshold: 30 },
        livenessProbe: { ...check, periodSeconds: 1, failureThreshold: 1 },
      }),
    ],
  });
  const early = await cluster.untilPod('slow', 'running', pod => statusOf(pod).state.running !== undefined);
  t.equal(statusOf(early).started, false);
  const pod = await cluster.untilRunning('slow');
  t.equal(statusOf(pod).restartCount, 0);
  t.equal(statusOf(pod).started, true);
});

t.test('readiness: takes the pod out of the endpoints and back, and restarts nothing', async t => {
  const readinessProbe = { ...exec('test', '-e', '/tmp/ready'), periodSeconds: 1, failureThreshold: 1 };
  const text = 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done';
  const containers = [script(text, { readinessProbe, ports: [{ containerPort: 80 }] })];
  const pod = await cluster.createPod('shy', { containers }, { labels: { app: 'shy' } });
  await cluster.kubectl('create', 'service', 'clusterip', 'shy', '--tcp=80:80');
  const endpoints = async (): Promise<string> =>
    (
      await cluster.kubectl(
        'get',
        'endpointslices',
        '-l',
        'kubernetes.io/service-name=shy',
        '-o',
        'jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses}',
      )
    ).trim();
  await cluster.untilPod('shy', 'running', found => statusOf(found).state.running !== undefined);
  t.equal(await endpoints(), '');
  const node = await cluster.node();
  await node.exec(pod.metadata.uid ?? '', 'main', 'touch', '/tmp/ready');
  const ready = await cluster.untilPod('shy', 'ready', isReady);
  await waitFor('its address among the endpoints', async () =>
    (await endpoints()).includes(ready.status?.podIP ?? '?'),
  );
  await node.exec(pod.metadata.uid ?? '', 'main', 'rm', '/tmp/ready');
  await waitFor('no address among the endpoints', async () => (await endpoints()) === '');
  const last = await cluster.getPod('shy');
  t.equal(last && statusOf(last).restartCount, 0);
});
