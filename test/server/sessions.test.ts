// exec, attach and port-forward through the API server, as kubectl does them.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { script, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const node = await cluster.node();
const { signal } = new AbortController();
t.testdir(); // for t.testdirName

const pod = await cluster.createPod('talks', {
  containers: [script('trap "exit 0" TERM; while :; do sleep 1 & wait $!; done'), { image: IMAGES.web }],
});
await cluster.untilRunning('talks');

async function exec(args: readonly string[], input?: string) {
  const all = ['--namespace', cluster.namespace, 'exec', ...args];
  return await cluster.sandbox.tryKubectl(all, { signal, ...(input !== undefined && { input }) });
}

t.test('exec: streams, exit status, input to its end', async t => {
  const result = await exec(['talks', '-c', 'main', '--', 'sh', '-c', 'echo out; echo err >&2; exit 42']);
  t.match(result, { exitCode: 42, stdout: 'out\n', stderr: /^err\n/ });
  t.match(await exec(['-i', 'talks', '-c', 'main', '--', 'cat'], 'some input\n'), {
    exitCode: 0,
    stdout: 'some input\n',
  });
  const absent = await exec(['talks', '-c', 'main', '--', 'no-such-program']);
  t.not(absent.exitCode, 0);
  t.match(absent.stderr, 'no-such-program');
  const argument = 'x'.repeat(100_000);
  const long = await exec(['talks', '-c', 'main', '--', 'sh', '-c', 'echo ${#0}', argument]);
  t.equal(long.stdout, '100000\n', 'an argument of 100 kB');
  t.match((await exec(['talks', '-c', 'nobody', '--', 'true'])).stderr, /container.*nobody/);
});

t.test('exec: a large output arrives whole', async t => {
  const megabytes = 64;
  const result = await exec([
    'talks',
    '-c',
    'main',
    '--',
    'sh',
    '-c',
    `dd if=/dev/zero bs=1M count=${megabytes} 2>/dev/null | tr '\\0' x`,
  ]);
  t.equal(result.stdout.length, megabytes * 1024 * 1024);
});

t.test('cp: there and back', async t => {
  const directory = t.testdir();
  const bytes = randomBytes(8 * 1024 * 1024);
  await writeFile(join(directory, 'there'), bytes);
  await cluster.kubectl('cp', '-c', 'main', join(directory, 'there'), 'talks:/tmp/there');
  await cluster.kubectl('cp', '-c', 'main', 'talks:/tmp/there', join(directory, 'back'));
  const digest = (content: Buffer) => createHash('sha256').update(content).digest('hex');
  t.equal(digest(await readFile(join(directory, 'back'))), digest(bytes));
});

t.test('attach: to a container that reads to the end', async t => {
  const reads = script('while read line; do echo "got $line"; done; echo over', {
    stdin: true,
    stdinOnce: true,
  });
  await cluster.createPod('reads', { restartPolicy: 'Never', containers: [reads] });
  await cluster.untilRunning('reads');
  const args = ['--namespace', cluster.namespace, 'attach', '-i', 'reads'];
  const result = await cluster.sandbox.tryKubectl(args, { signal, input: 'hello\n' });
  t.equal(result.stdout, 'got hello\nover\n');
});

t.test('a client that is killed leaves no session behind', async t => {
  const kubectl = join(cluster.sandbox.paths.bin, 'kubectl');
  const args = [`--kubeconfig=${cluster.sandbox.adminKubeconfigPath}`, '--namespace', cluster.namespace];
  const child = spawn(kubectl, [...args, 'exec', '-i', 'talks', '-c', 'main', '--', 'cat'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const processes = async () =>
    (await node.exec(uidOf(pod), 'main', 'ps', '-o', 'args')).match(/^cat$/gm)?.length ?? 0;
  await waitFor('the session to run', async () => (await processes()) === 1);
  child.kill('SIGKILL');
  await waitFor('its process to end', async () => (await processes()) === 0);
  t.pass();
});

// In the container: until the terminal has the first size, and then until it has the second.
const UNTIL_RESIZED = `
  until [ "$(stty size)" = "33 77" ]; do sleep 0.1; done; echo first
  until [ "$(stty size)" = "44 99" ]; do sleep 0.1; done; echo second`;

t.test('a terminal has the size of the one it is shown in, and follows it', async t => {
  await cluster.createPod('terminal', {
    restartPolicy: 'Never',
    containers: [script(`${UNTIL_RESIZED}; read line`, { stdin: true, tty: true })],
  });
  await cluster.untilRunning('terminal');
  const execIn = ['exec', '-it', 'talks', '-c', 'main', '--', 'sh', '-c', UNTIL_RESIZED];
  await Promise.all([
    resizeTerminal(execIn, { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'true' }),
    resizeTerminal(execIn, { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' }),
    resizeTerminal(['attach', '-it', 'terminal'], {}),
  ]);
  t.pass('exec over WebSocket and SPDY, attach');
});

/** Runs kubectl in a terminal of its own (script(1)) that changes its size once the first one is known. */
async function resizeTerminal(args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const go = join(t.testdirName, `go-${randomBytes(4).toString('hex')}`);
  const kubectl = join(cluster.sandbox.paths.bin, 'kubectl');
  const all = [
    `--kubeconfig=${cluster.sandbox.adminKubeconfigPath}`,
    '--namespace',
    cluster.namespace,
    ...args,
  ];
  const command = [kubectl, ...all].map(word => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const resize = `(until [ -e '${go}' ]; do sleep 0.1; done; stty rows 44 cols 99 < /dev/tty)`;
  const child = spawn('script', ['-qec', `stty rows 33 cols 77; ${resize} & ${command}`, '/dev/null'], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  try {
    await waitFor('the first size', () => text.includes('first'));
    await writeFile(go, '');
    await waitFor('the second size', () => text.includes('second'));
  } finally {
    child.kill('SIGKILL');
  }
}

t.test('port-forward: many connections, a third of them reset', async t => {
  const forward = await cluster.portForward('pod/talks', 8080);
  t.teardown(() => forward.close());
  const COUNT = 300;
  let answered = 0;
  const one = async (index: number): Promise<void> => {
    const socket = connect(forward.port, '127.0.0.1');
    socket.on('error', () => undefined); // a reset is what we ask for
    await new Promise(resolve => socket.once('connect', resolve));
    socket.write('GET / HTTP/1.0\r\n\r\n');
    if (index % 3 === 0) {
      socket.resetAndDestroy();
      return;
    }
    if ((await readAll(socket)).startsWith('HTTP/1.')) answered += 1;
  };
  for (let start = 0; start < COUNT; start += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, index) => one(start + index)));
  }
  t.equal(answered, COUNT - COUNT / 3, 'all others are answered');
  t.ok(forward.isRunning(), 'by one session');
});

t.test('port-forward: a port nobody listens on', async t => {
  const forward = await cluster.portForward('pod/talks', 9);
  t.teardown(() => forward.close());
  const socket = connect(forward.port, '127.0.0.1');
  socket.on('error', () => undefined);
  t.equal(await readAll(socket), '');
  await waitFor('the reason to be told', () => /connection refused/.test(forward.said()));
  t.pass();
});

function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise(resolve => socket.once('close', () => resolve(text)));
}
