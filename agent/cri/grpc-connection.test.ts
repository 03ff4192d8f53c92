import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { InvalidError, UnavailableError } from '../lib/errors.ts';
import { connectRuntime } from './connect.ts';
import { parseEndpoint } from './grpc-connection.ts';

t.test('parseEndpoint() takes unix sockets in each spelling', async t => {
  for (const endpoint of ['unix:///run/a.sock', 'unix:/run/a.sock', '/run/a.sock']) {
    t.equal(parseEndpoint(endpoint), 'unix:/run/a.sock');
  }
});

t.test('parseEndpoint() refuses everything else', async t => {
  for (const endpoint of ['tcp://127.0.0.1:1', 'npipe:////./pipe/x', 'run/a.sock', 'unix://run/a.sock', '']) {
    t.throws(() => parseEndpoint(endpoint), InvalidError, endpoint);
  }
});

t.test('a missing socket is one clear error, and nothing stays in flight', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'cri-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const runtimeEndpoint = `unix://${directory}/absent.sock`;
  const connection = connectRuntime({ runtimeEndpoint });
  t.teardown(() => connection.close());
  const error = await connection.runtime
    .version({ signal: new AbortController().signal })
    .catch((thrown: unknown) => thrown);
  t.type(error, UnavailableError);
  t.match(error, {
    message: `cannot reach the container runtime at ${runtimeEndpoint}: there is no such socket`,
  });
  t.same(connection.inFlight(), []);
});

t.test('an aborted signal rejects with its own reason', async t => {
  const connection = connectRuntime({ runtimeEndpoint: '/nowhere.sock' });
  t.teardown(() => connection.close());
  const reason = new Error('shutting down');
  await t.rejects(connection.runtime.version({ signal: AbortSignal.abort(reason) }), reason);
});
