// What HTTP/2 on the node's port withstands: frames that make no sense, and floods of those that do.
import { readFile } from 'node:fs/promises';
import { constants } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { askOn, NodeClient } from './node-client.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const SETTINGS = 4; // RFC 9113, section 6
const KINDS = 11;

const cluster = await useCluster(t);
const { agent } = cluster.sandbox.node('node-1');
const client = await NodeClient.open(cluster.sandbox);
t.teardown(() => client.close());

const pid = await agent.findPid();
const residentMiB = async () => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1]) / 1024);
};
const before = await residentMiB();

t.test('ten thousand frames that make no sense', async t => {
  const random = seeded(11);
  const connections = Array.from({ length: 10 }, async () => {
    for (let round = 0; round < 25; round += 1) {
      const socket = await openBare();
      for (let sent = 0; sent < 40; sent += 1) socket.write(oddFrame(random));
      await waitFor('an answer', () => socket.bytesRead > 0 || socket.destroyed);
      socket.destroy();
    }
  });
  await Promise.all(connections);
  await unharmed(t);
});

t.test('floods of frames that cost the server something', async t => {
  const floods: Record<string, (index: number) => Buffer> = {
    settings: () => frame(SETTINGS, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100])),
    pings: () => frame(6, 0, 0, Buffer.alloc(8)),
    'data for no request': () => frame(0, 0, 1),
    priorities: index => frame(2, 0, 1 + 2 * (index % 1000), Buffer.from([0, 0, 0, 0, 1])),
    'a header without an end': index =>
      index === 0 ? frame(1, 0, 1, Buffer.from([0x82])) : frame(9, 0, 1, Buffer.from([0, 1, 0x61, 1, 0x62])),
  };
  for (const [name, make] of Object.entries(floods)) {
    const socket = await openBare();
    for (let index = 0; index < 60_000 && !socket.destroyed; ) {
      for (let burst = 0; burst < 500; burst += 1, index += 1) socket.write(make(index));
      await waitFor('room', () => socket.writableLength < 100_000 || socket.destroyed, { pollMs: 2 });
    }
    t.ok(socket.destroyed, `${name}: the connection is closed`);
    socket.destroy();
  }
  await unharmed(t);
});

t.test('whoever resets one request after the other loses the connection', async t => {
  const session = client.openHttp2();
  let sent = 0;
  while (!session.closed && !session.destroyed && sent < 100_000) {
    for (let index = 0; index < 200 && !session.closed; index += 1, sent += 1) {
      const stream = session.request({ ':path': '/pods' });
      stream.on('error', () => undefined);
      stream.close(constants.NGHTTP2_CANCEL);
    }
    await new Promise(setImmediate);
  }
  t.ok(sent < 100_000, `after ${sent} requests`);
  await unharmed(t);
});

async function unharmed(t: Test): Promise<void> {
  t.equal(await agent.findPid(), pid, 'the agent runs still');
  const session = client.openHttp2();
  t.equal((await askOn(session, '/healthz')).status, 401, 'and answers');
  session.close();
  const after = await residentMiB();
  t.ok(after < before + 60, `${before} MiB before, ${after} MiB after`);
}

/** A connection on which the preface has been said, and its end is no error. */
async function openBare(): Promise<TLSSocket> {
  const socket = await client.connect(undefined, ['h2']);
  socket.on('error', () => socket.destroy()).resume();
  socket.write(PREFACE);
  socket.write(frame(SETTINGS, 0, 0));
  return socket;
}

function frame(kind: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = kind;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function oddFrame(random: () => number): Buffer {
  const below = (limit: number): number => Math.floor(random() * limit);
  const payload = Buffer.from(Array.from({ length: below(200) }, () => below(256)));
  return frame(below(KINDS), below(256), random() < 0.3 ? 0 : 1 + 2 * below(20), payload);
}

/** The same numbers each time (a linear congruential generator). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}
