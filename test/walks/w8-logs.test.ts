// W8: logs on the node, as people and log shippers find them.
import t from 'tap';
import { run } from '../../hack/sandbox/run.ts';
import { script, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const node = await cluster.node();

const LIMIT_BYTES = 10 * 1024 * 1024; // containerLogMaxSize's default
const MAX_FILES = 5;

const logs = (...args: string[]) => cluster.kubectl('logs', ...args);

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
  t.equal(await logs('parts', '-c', 'main', '--since=1m'), 'one\ntwo\nthree\nfour\n');
  t.equal(await logs('parts', '-c', 'main', '--since-time=2100-01-01T00:00:00Z'), '');
  t.match(
    await logs('parts', '-c', 'main', '--timestamps', '--tail=1'),
    /^\d{4}-\S+T\S+\.\d{9}(Z|\S\d\d:\d\d) four\n$/,
  );
  const [time = ''] = (await logs('parts', '-c', 'main', '--timestamps', '--tail=1')).split(' ');
  const second = `${new Date(time).toISOString().slice(0, 19)}Z`;
  const late = await logs('parts', '-c', 'main', `--since-time=${second}`);
  t.match(late, /^(three\n)?four\n$/, 'from the second on in which the last line was written');
  t.strictSame((await logs('parts', '--all-containers')).trim().split('\n').sort(), [
    'four',
    'one',
    'other',
    'three',
    'two',
  ]);
  const directory = `/var/log/pods/${cluster.namespace}_parts_${uidOf(pod)}/main`;
  t.match(await node.run('cat', `${directory}/0.log`), /^\d{4}-\S+T\S+ stdout F one\n/);
  const link = `/var/log/containers/parts_${cluster.namespace}_main-*.log`;
  t.equal((await node.shell(`readlink -f ${link}`)).trim(), `${directory}/0.log`, 'where log shippers look');
});

t.test('the run before the one that is shown', async t => {
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
  const lastTen = Array.from({ length: 10 }, (_, index) => `${COUNT - 9 + index}\n`).join('');
  t.equal(await logs('burst', '-f', '--tail=10'), lastTen, 'a log that is followed to its end');
});

/** Follows the pod's log and says at once how many lines came in order: thirty megabytes are not for this process. */
function followLine(bin: string, count: number): string {
  const kubectl = `${bin}/kubectl --kubeconfig=${cluster.sandbox.adminKubeconfigPath}`;
  const follow = `${kubectl} --namespace ${cluster.namespace} logs -f burst`;
  return `${follow} | awk '$1 != n + 1 { print "after", n, "came", $1; exit } { n = $1 } n == ${count} { print n, "in order" }'`;
}
