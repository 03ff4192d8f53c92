// Walk W8, and what else `kubectl logs` promises.
import t from 'tap';
import { run } from '../../hack/sandbox/run.ts';
import { script, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const node = await cluster.node();
const { signal } = new AbortController();

const LIMIT_BYTES = 10 * 1024 * 1024; // containerLogMaxSize's default
const MAX_FILES = 5;

const logs = (...args: string[]) => cluster.kubectl('logs', ...args);

async function logsError(...args: string[]): Promise<string> {
  const all = ['--namespace', cluster.namespace, 'logs', ...args];
  return (await cluster.sandbox.tryKubectl(all, { signal })).stderr;
}

t.test('what a container wrote, and parts of it', async t => {
  const text =
    'echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three; sleep 2; echo; echo four; sleep 600';
  const pod = await cluster.createPod('parts', {
    containers: [script(text), script('echo other; sleep 600')],
  });
  await cluster.untilRunning('parts');
  await waitFor('all of it', async () => (await logs('parts', '-c', 'main')).endsWith('four\n'));
  t.equal(await logs('parts', '-c', 'main'), 'one\ntwo\nthree\nfour\n');
  t.equal(await logs('parts', '-c', 'main', '--tail=1'), 'four\n');
  t.equal(await logs('parts', '-c', 'main', '--tail=0'), '');
  t.equal(await logs('parts', '-c', 'main', '--limit-bytes=5'), 'one\nt');
  t.equal(await logs('parts', '-c', 'main', '--since=1h'), 'one\ntwo\nthree\nfour\n');
  t.equal(await logs('parts', '-c', 'main', '--since-time=2100-01-01T00:00:00Z'), '');
  t.match(
    await logs('parts', '-c', 'main', '--timestamps', '--tail=1'),
    /^\d{4}-\S+T\S+\.\d{9}(Z|\S\d\d:\d\d) four\n$/,
  );
  t.strictSame((await logs('parts', '--all-containers')).trim().split('\n').sort(), [
    'four',
    'one',
    'other',
    'three',
    'two',
  ]);
  t.match(
    await logsError('parts', '-c', 'main', '-p'),
    'previous terminated container "main" in pod "parts" not found',
  );
  const directory = `/var/log/pods/${cluster.namespace}_parts_${uidOf(pod)}/main`;
  t.match(await node.run('cat', `${directory}/0.log`), /^\d{4}-\S+T\S+ stdout F one\n/);
  const link = `/var/log/containers/parts_${cluster.namespace}_main-*.log`;
  t.equal((await node.shell(`readlink -f ${link}`)).trim(), `${directory}/0.log`, 'where log shippers look');
});

t.test('a log that was moved and not opened anew, as by an agent killed in a rotation', async t => {
  const pod = await cluster.createPod('moved', {
    containers: [script('echo before; until [ -e /go ]; do sleep 0.1; done; echo after; sleep 600')],
  });
  await cluster.untilRunning('moved');
  const directory = `/var/log/pods/${cluster.namespace}_moved_${uidOf(pod)}/main`;
  await node.shell(`cd ${directory} && mv 0.log 0.log.20260102-030405`);
  await waitFor('a new log', async () => (await node.shell(`ls ${directory}`)).split('\n').includes('0.log'));
  await cluster.kubectl('exec', 'moved', '--', 'touch', '/go');
  await waitFor('the new line', async () => (await logs('moved', '--tail=1')) === 'after\n');
  t.equal(await logs('moved'), 'before\nafter\n', 'nothing is lost');
});

t.test('a container that is not there yet, and one that crashed', async t => {
  await cluster.createPod('waits', {
    containers: [{ image: 'none.invalid/none:1', imagePullPolicy: 'Never' }],
  });
  await cluster.untilPod(
    'waits',
    'waiting',
    pod => pod.status?.containerStatuses?.[0]?.state.waiting !== undefined,
  );
  t.match(await logsError('waits'), 'container "main" in pod "waits" is waiting to start: ErrImageNeverPull');
  await cluster.createPod('crashes', { containers: [script('echo run $(date +%s); exit 1')] });
  await cluster.untilPod(
    'crashes',
    'restarted',
    pod => (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0,
  );
  t.match(await logs('crashes', '--previous'), /^run \d+\n$/);
  t.match(await logs('crashes'), /^run \d+\n$/, 'the last run while it backs off');
});

t.test('a burst is rotated, packed and bounded; a follower sees each line once and in order', async t => {
  const COUNT = 900_000;
  const write = `until [ -e /go ]; do sleep 0.1; done; seq 1 ${COUNT}; sleep 2`;
  const pod = await cluster.createPod('burst', { restartPolicy: 'Never', containers: [script(write)] });
  await cluster.untilRunning('burst');
  const following = new AbortController();
  t.teardown(() => following.abort());
  const followed = run('sh', ['-c', followLine(cluster.sandbox.paths.bin, COUNT)], {
    signal: following.signal,
  });
  await cluster.kubectl('exec', 'burst', '--', 'touch', '/go');
  const directory = `/var/log/pods/${cluster.namespace}_burst_${uidOf(pod)}/main`;
  t.match((await followed).stdout, `${COUNT} in order`, 'followed over the rotations');

  const list = async () => (await node.shell(`cd ${directory} && stat -c '%s %n' *`)).trim().split('\n');
  const files = await waitFor('all but one rotated log packed', async () => {
    const found = await list();
    return found.filter(line => /\d{6}$/.test(line)).length === 1 ? found : undefined;
  });
  t.comment(files.join(', '));
  t.ok(files.length <= MAX_FILES, 'at most so many files');
  t.ok(
    files.every(line => Number(line.split(' ')[0]) < 2 * LIMIT_BYTES),
    'none is twice the limit',
  );
  t.ok(
    files.some(line => line.endsWith('.gz')),
    'older ones are packed',
  );
  const tail = (await logs('burst', '--tail=500000')).trim().split('\n');
  // A rotation may cut a line into two records, and records are what is counted, as by the kubelet.
  t.ok(
    tail.length > 499_900 && tail.length <= 500_000,
    `--tail looks into packed logs: ${tail.length} lines`,
  );
  t.ok(
    tail.every((line, index) => Number(line) === COUNT - tail.length + 1 + index),
    'the last ones, in order',
  );
});

/** Follows the pod's log and says at once how many lines came in order: thirty megabytes are not for this process. */
function followLine(bin: string, count: number): string {
  const kubectl = `${bin}/kubectl --kubeconfig=${cluster.sandbox.adminKubeconfigPath}`;
  const follow = `${kubectl} --namespace ${cluster.namespace} logs -f burst`;
  return `${follow} | awk '$1 != n + 1 { print "after", n, "came", $1; exit } { n = $1 } n == ${count} { print n, "in order" }'`;
}

t.test('following ends with the container, and a line is there at once', async t => {
  await cluster.createPod('ends', {
    restartPolicy: 'Never',
    containers: [script('until [ -e /go ]; do sleep 0.05; done; echo bye')],
  });
  await cluster.untilRunning('ends');
  const following = logs('-f', 'ends');
  await cluster.kubectl('exec', 'ends', '--', 'touch', '/go');
  t.equal(await following, 'bye\n');
});
