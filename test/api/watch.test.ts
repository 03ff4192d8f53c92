import '../support/own-network.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { KubeObject } from '../../agent/api/objects.ts';
import { watchObjects } from '../../agent/api/watch.ts';
import { LeaseKeeper } from '../../agent/node/lease.ts';
import { API_PORT, TestApiServer } from '../support/apiserver.ts';
import { linesOf } from '../support/log-lines.ts';
import { dropPackets, healPackets } from '../support/own-network.ts';
import { waitFor } from '../support/wait-for.ts';
import { WatchRecorder, writeConfigMap } from '../support/watch-recorder.ts';

t.setTimeout(300_000);

const OBJECTS = 1200; // three pages of a list
const directory = mkdtempSync(join(tmpdir(), 'nodelet-watch-'));
const server = await TestApiServer.start({ directory });
t.teardown(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

async function fill(): Promise<void> {
  const client = await server.connect();
  const names = Array.from({ length: OBJECTS }, (_, index) => `filler-${index}`);
  for (let index = 0; index < names.length; index += 40) {
    await Promise.all(names.slice(index, index + 40).map(name => writeConfigMap(client, name, 'full')));
  }
  await client.close();
}

async function follow(t: Test): Promise<{ watch: WatchRecorder; messages: () => string[] }> {
  const { logger, messages } = linesOf('debug');
  const client = await server.connect(logger);
  const watch = new WatchRecorder(client, logger);
  t.teardown(async () => {
    healPackets();
    await watch.stop();
    await client.close();
  });
  await watch.untilSynced();
  return { watch, messages };
}

await fill();

void t.test('the list arrives as a stream where the server offers it', async t => {
  const { watch, messages } = await follow(t);
  t.ok(watch.objects.size >= OBJECTS);
  t.match(messages()[0], 'Watch moves on streaming watching');
});

void t.test('changes and deletions arrive, trimmed', async t => {
  const { watch } = await follow(t);
  const client = await server.connect();
  t.teardown(() => client.close());
  await writeConfigMap(client, 'changing', 'one');
  await watch.untilSeen('changing', 'one');
  await writeConfigMap(client, 'changing', 'two');
  await watch.untilSeen('changing', 'two');
  t.notOk('managedFields' in (watch.objects.get('changing')?.metadata ?? {}));
  const { signal } = new AbortController();
  await client.delete('/api/v1/namespaces/default/configmaps/changing', undefined, { signal });
  await waitFor('deleted', () => !watch.objects.has('changing'));
});

void t.test(
  'a position that the server has forgotten (410) leads to a new list and nothing is missed',
  async t => {
    const { watch, messages } = await follow(t);
    const writer = await server.connect();
    t.teardown(() => writer.close());
    await writeConfigMap(writer, 'gone', 'one');
    await watch.untilSeen('gone', 'one');
    // The object goes away while no API server runs; the restarted one has no history of that.
    await server.stopApiServer('SIGKILL');
    await removeFromEtcd('/registry/configmaps/default/gone');
    await server.startApiServer();
    await waitFor('a second list', () => watch.lists === 2, { deadlineMs: 20_000 });
    t.notOk(watch.objects.has('gone'));
    t.ok(watch.objects.size >= OBJECTS);
    t.equal(messages().filter(line => line.startsWith('Watch failed')).length, 0);
  },
);

void t.test(
  'a store restored from a backup is noticed by the lease, and everything is listed anew',
  async t => {
    const { logger, messages } = linesOf('debug');
    const client = await server.connect(logger);
    const watch = new WatchRecorder(client, logger);
    const deps = { api: client, nodeName: 'node-1', durationSeconds: 4, nodeUID: () => 'uid', logger };
    const lease = new LeaseKeeper(deps);
    const stop = new AbortController();
    const renewing = lease.run(stop);
    t.teardown(async () => {
      stop.abort();
      await Promise.all([watch.stop(), renewing]);
      await client.close();
    });
    await watch.untilSynced();
    await waitFor('a lease', () => lease.lastRenewalMs !== undefined);
    await writeConfigMap(client, 'kept', 'one');
    server.backUpStore();
    await writeConfigMap(client, 'kept', 'lost');
    await writeConfigMap(client, 'lost', 'one');
    await watch.untilSeen('lost', 'one');
    const renewedAtMs = lease.lastRenewalMs;
    await waitFor('a lease of the time that is lost', () => lease.lastRenewalMs !== renewedAtMs);
    await server.restoreStore();
    await waitFor('a second list', () => watch.lists === 2, { deadlineMs: 20_000 });
    t.notOk(watch.objects.has('lost'));
    t.equal(watch.objects.get('kept')?.data?.['value'], 'one');
    t.equal(messages().filter(line => line.startsWith("the cluster's store went back")).length, 1);
    await writeConfigMap(client, 'kept', 'two');
    await watch.untilSeen('kept', 'two');
  },
);

void t.test('an outage is logged once when it begins and once when it is over', async t => {
  const { watch, messages } = await follow(t);
  dropPackets(API_PORT);
  await waitFor('lost', () => messages().some(line => line.startsWith('API server unreachable')), {
    deadlineMs: 20_000,
  });
  await new Promise(resolve => setTimeout(resolve, 6000));
  healPackets();
  await waitFor('back', () => messages().some(line => line.startsWith('API server reachable again')), {
    deadlineMs: 10_000,
  });
  t.equal(messages().filter(line => line.startsWith('API server unreachable')).length, 1);
  t.equal(watch.lists, 1);
});

void t.test(
  'what the server refuses is logged once, asked again with a back-off, and ends with the signal',
  async t => {
    const { logger, messages } = linesOf('info');
    const kubeconfig = server.writeKubeconfig('nobody', {}, { token: 'secret-nobody' });
    const client = await server.connect(logger, kubeconfig);
    t.teardown(() => client.close());
    const signal = AbortSignal.timeout(4000);
    for await (const event of watchObjects<KubeObject>(client, { path: '/api/v1/secrets', signal, logger })) {
      t.fail(`unexpected ${event.kind}`);
    }
    t.equal(messages().filter(line => line.startsWith('Watch failed')).length, 1);
  },
);

void t.test('an old server without streaming lists is listed in pages', async t => {
  await server.stopApiServer('SIGKILL');
  await server.startApiServer(['--feature-gates=WatchList=false']);
  const { watch, messages } = await follow(t);
  t.equal(watch.lists, 1);
  t.ok(watch.objects.size >= OBJECTS);
  t.match(messages()[0], 'Watch moves on streaming listing');
  const client = await server.connect();
  t.teardown(() => client.close());
  await writeConfigMap(client, 'late', 'one');
  await watch.untilSeen('late', 'one');
});

void t.test('GOAWAY (a balancing server) costs neither a request nor a list', async t => {
  await server.stopApiServer('SIGKILL');
  await server.startApiServer(['--goaway-chance=0.02']);
  const { watch, messages } = await follow(t);
  const client = await server.connect();
  t.teardown(() => client.close());
  for (let index = 0; index < 400; index += 20) {
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => writeConfigMap(client, `goaway-${n}`, String(index))),
    );
  }
  await watch.untilSeen('goaway-19', '380');
  t.equal(watch.lists, 1);
  t.equal(messages().filter(line => line.startsWith('Watch failed')).length, 0);
});

/** Removes a key behind the API server's back, through etcd's HTTP gateway. */
async function removeFromEtcd(key: string): Promise<void> {
  const body = JSON.stringify({ key: Buffer.from(key).toString('base64') });
  const response = await fetch('http://127.0.0.1:2379/v3/kv/deleterange', { method: 'POST', body });
  if (!response.ok) throw new Error(`etcd: ${response.status}`);
}
