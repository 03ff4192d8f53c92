import '../support/own-network.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ApiClient } from '../../agent/api/client.ts';
import type { EventObject } from '../../agent/api/event-correlator.ts';
import { EventRecorder } from '../../agent/api/events.ts';
import { eventsPath } from '../../agent/api/paths.ts';
import { systemClock } from '../../agent/lib/clock.ts';
import { createSilentLogger } from '../../agent/lib/logger.ts';
import { API_PORT, TestApiServer } from '../support/apiserver.ts';
import { dropPackets, healPackets } from '../support/own-network.ts';
import { waitFor } from '../support/wait-for.ts';

t.setTimeout(300_000);

const directory = mkdtempSync(join(tmpdir(), 'nodelet-events-'));
const server = await TestApiServer.start({ directory });
t.teardown(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});
const { signal } = new AbortController();

function pod(name: string): {
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  uid: string;
} {
  return { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name, uid: `uid-of-${name}` };
}

interface Running {
  readonly recorder: EventRecorder;
  readonly client: ApiClient;
  readonly shutDown: () => Promise<void>;
}

async function start(t: Test): Promise<Running> {
  const client = await server.connect();
  const abort = new AbortController();
  const deps = {
    client,
    clock: systemClock,
    logger: createSilentLogger(),
    component: 'kubelet',
    host: 'node-1',
  };
  const recorder = new EventRecorder(deps);
  const running = recorder.run(abort.signal);
  const shutDown = async (): Promise<void> => {
    abort.abort();
    await running;
  };
  t.teardown(async () => {
    healPackets();
    await shutDown();
    await client.close();
  });
  return { recorder, client, shutDown };
}

async function eventsOf(client: ApiClient, name: string): Promise<readonly EventObject[]> {
  const query = { fieldSelector: `involvedObject.name=${name}` };
  const list = await client.get<{ items: readonly EventObject[] }>(eventsPath('default'), { query, signal });
  return list.items;
}

void t.test('an event looks as one of the kubelet', async t => {
  const { recorder, client } = await start(t);
  recorder.event({ ...pod('web'), fieldPath: 'spec.containers{app}' }, 'Normal', 'Pulled', 'Image is there');
  await waitFor('written', async () => (await eventsOf(client, 'web')).length === 1);
  const [event] = await eventsOf(client, 'web');
  t.match(event, {
    metadata: { name: /^web\.[0-9a-f]{16}$/, namespace: 'default' },
    involvedObject: { ...pod('web'), fieldPath: 'spec.containers{app}' },
    source: { component: 'kubelet', host: 'node-1' },
    reportingComponent: 'kubelet',
    reportingInstance: 'node-1',
    count: 1,
    type: 'Normal',
    reason: 'Pulled',
    message: 'Image is there',
  });
});

void t.test('equal events are counted in one object, and written anew when that has expired', async t => {
  const { recorder, client } = await start(t);
  for (let n = 0; n < 3; n += 1) recorder.event(pod('crash'), 'Warning', 'BackOff', 'Back-off restarting');
  await waitFor('counted', async () => (await eventsOf(client, 'crash'))[0]?.count === 3);
  t.equal((await eventsOf(client, 'crash')).length, 1);
  const first = (await eventsOf(client, 'crash'))[0]?.metadata.name ?? '';
  await client.delete(`${eventsPath('default')}/${first}`, undefined, { signal });
  recorder.event(pod('crash'), 'Warning', 'BackOff', 'Back-off restarting');
  await waitFor('anew', async () => (await eventsOf(client, 'crash'))[0]?.count === 4);
  recorder.event(pod('crash'), 'Warning', 'BackOff', 'Back-off restarting');
  await waitFor('counted on', async () => (await eventsOf(client, 'crash'))[0]?.count === 5);
  t.equal((await eventsOf(client, 'crash')).length, 1);
});

void t.test('an event during an outage is written after it', async t => {
  const { recorder, client } = await start(t);
  await client.get('/version', { signal });
  dropPackets(API_PORT);
  recorder.event(pod('dark'), 'Normal', 'Killing', 'Stopping container app');
  await new Promise(resolve => setTimeout(resolve, 9000));
  healPackets();
  await waitFor('written', async () => (await eventsOf(client, 'dark')).length === 1, { deadlineMs: 15_000 });
});

void t.test('shutdown writes what is left, and waits a second at most', async t => {
  const { recorder, client, shutDown } = await start(t);
  for (let n = 0; n < 20; n += 1)
    recorder.event(pod(`last-${n}`), 'Normal', 'Killing', 'Stopping container app');
  await shutDown();
  t.equal((await eventsOf(client, 'last-19')).length, 1);
  const second = await start(t);
  await second.client.get('/version', { signal });
  dropPackets(API_PORT);
  second.recorder.event(pod('lost'), 'Normal', 'Killing', 'Stopping container app');
  const startedMs = performance.now();
  await second.shutDown();
  t.ok(performance.now() - startedMs < 1500);
});

void t.test('an event that the server refuses does not stop the next', async t => {
  const { recorder, client } = await start(t);
  recorder.event({ ...pod('nowhere'), namespace: 'no-such-namespace' }, 'Normal', 'Killing', 'Stopping');
  recorder.event(pod('after'), 'Normal', 'Killing', 'Stopping container app');
  await waitFor('the next', async () => (await eventsOf(client, 'after')).length === 1);
});
