// What happens to one HTTP/2 connection with watches and requests on it when the network or the server fails.

import '../support/own-network.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { ApiClient } from '../../agent/api/client.ts';
import { API_PORT, TestApiServer } from '../support/apiserver.ts';
import { dropPackets, healPackets, resetConnections } from '../support/own-network.ts';
import { WatchRecorder, writeConfigMap } from '../support/watch-recorder.ts';

t.setTimeout(300_000);

const WATCHES = 20;
const directory = mkdtempSync(join(tmpdir(), 'nodelet-faults-'));
const server = await TestApiServer.start({ directory });
t.teardown(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

/** A client with watches; and another client that writes, so that its troubles are its own. */
async function start(t: Test): Promise<{ client: ApiClient; watches: WatchRecorder[] }> {
  const client = await server.connect();
  const watches = Array.from({ length: WATCHES }, () => new WatchRecorder(client));
  t.teardown(async () => {
    healPackets();
    for (const watch of watches) await watch.stop();
    await client.close();
  });
  for (const watch of watches) await watch.untilSynced();
  return { client, watches };
}

/** Writes through the client itself and waits until each watch has seen it; returns the time of all that. */
async function roundTrip(
  client: ApiClient,
  watches: readonly WatchRecorder[],
  value: string,
): Promise<number> {
  const startedMs = performance.now();
  await writeConfigMap(client, 'probe', value);
  for (const watch of watches) await watch.untilSeen('probe', value, 30_000);
  return performance.now() - startedMs;
}

function relists(watches: readonly WatchRecorder[]): number {
  return watches.reduce((sum, { lists }) => sum + lists - 1, 0);
}

void t.test('many watches and requests share one connection', async t => {
  const { client, watches } = await start(t);
  t.ok((await roundTrip(client, watches, 'shared')) < 2000);
  t.equal(client.connectionCount, 1);
});

void t.test('more watches than one connection has streams for get further connections', async t => {
  const { client, watches } = await start(t);
  const more = Array.from({ length: 120 }, () => new WatchRecorder(client));
  t.teardown(async () => {
    for (const watch of more) await watch.stop();
  });
  for (const watch of more) await watch.untilSynced();
  t.ok((await roundTrip(client, [...watches, ...more], 'many')) < 5000);
  t.equal(client.connectionCount, 2);
});

void t.test('a dropped connection is replaced, watches resume without a new list', async t => {
  const { client, watches } = await start(t);
  await roundTrip(client, watches, 'drop-before');
  resetConnections(API_PORT);
  const writing = roundTrip(client, watches, 'drop-during'); // waits for the next connection
  await delay(1000);
  t.equal(client.freshness.isConnected, false);
  t.match(client.freshness.lastError, /connection/);
  healPackets();
  await writing;
  t.ok((await roundTrip(client, watches, 'drop-after')) < 2000);
  t.equal(relists(watches), 0);
  t.equal(client.connectionCount, 1);
});

for (const seconds of [4, 20]) {
  void t.test(
    `a connection that is black-holed for ${seconds} s is noticed within 10 s after the path heals`,
    async t => {
      const { client, watches } = await start(t);
      await roundTrip(client, watches, `hole-${seconds}-before`);
      dropPackets(API_PORT);
      const writing = writeConfigMap(client, 'probe', `hole-${seconds}-during`).catch(
        (error: unknown) => error,
      );
      await delay(seconds * 1000);
      healPackets();
      const healedMs = performance.now();
      await roundTrip(client, watches, `hole-${seconds}-after`);
      const noticedMs = performance.now() - healedMs;
      t.comment(`everything works ${Math.round(noticedMs)} ms after the path healed`);
      t.ok(noticedMs < 10_000);
      await writing;
      t.equal(relists(watches), 0);
    },
  );
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  void t.test(`an API server restart (${signal}) is survived by the same client`, async t => {
    const { client, watches } = await start(t);
    await roundTrip(client, watches, `restart-${signal}-before`);
    const stopping = server.stopApiServer(signal);
    const writing = writeConfigMap(client, 'probe', `restart-${signal}-during`).catch(
      (error: unknown) => error,
    );
    await stopping;
    await server.startApiServer();
    const upMs = performance.now();
    await writing;
    await roundTrip(client, watches, `restart-${signal}-after`);
    const backMs = performance.now() - upMs;
    t.comment(
      `everything works ${Math.round(backMs)} ms after the server was ready, ${relists(watches)} lists`,
    );
    t.ok(backMs < 10_000);
  });
}

void t.test(
  'a server that hangs with the connection open is noticed, and works again when it goes on',
  async t => {
    const { client, watches } = await start(t);
    await roundTrip(client, watches, 'hang-before');
    process.kill(server.pid, 'SIGSTOP');
    await delay(12_000);
    t.equal(client.freshness.isConnected, false);
    process.kill(server.pid, 'SIGCONT');
    const backMs = await roundTrip(client, watches, 'hang-after');
    t.comment(`everything works ${Math.round(backMs)} ms after the server went on`);
    t.ok(backMs < 10_000);
    t.equal(relists(watches), 0);
  },
);

void t.test('a request ends at its deadline and says what is wrong', async t => {
  const client = await server.connect();
  const { signal } = new AbortController();
  await client.get('/version', { signal });
  dropPackets(API_PORT);
  const startedMs = performance.now();
  await t.rejects(client.get('/version', { signal, timeoutMs: 1500 }), {
    name: 'UnavailableError',
    code: 'DeadlineExceeded',
  });
  t.ok(performance.now() - startedMs < 2000);
  healPackets();
  await client.close();
});
