// Without an API server the node goes on by itself, and tells what happened when it is back.
import t from 'tap';
import { obedient, script, statusOf, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const AWAY_MS = 15_000;
const cluster = await useCluster(t);
const node = await cluster.node();
const { controlPlane } = cluster.sandbox;
const { signal } = new AbortController();

async function bringBack(): Promise<void> {
  await controlPlane.ensureStarted({ signal });
  await controlPlane.waitReady({ signal });
  for (const { name } of cluster.sandbox.nodes) await cluster.untilNodeReady('True', name);
}
t.teardown(bringBack);

t.test('a container that crashes meanwhile is restarted at once; its status arrives afterwards', async t => {
  const volumes = [{ name: 'state', emptyDir: {} }];
  const volumeMounts = [{ name: 'state', mountPath: '/state' }];
  // Ends when told to by a file, once.
  const text = 'rm -f /state/end; while ! test -e /state/end; do sleep 0.1; done; exit 9';
  await cluster.createPod('crashes', {
    volumes,
    containers: [script(text, { volumeMounts }), obedient('steady')],
  });
  const before = await cluster.untilRunning('crashes');
  const uid = uidOf(before);
  const first = await node.container(uid, 'main');

  await controlPlane.stop('kube-apiserver', 'SIGKILL');
  const stoppedAtMs = performance.now();
  await node.exec(uid, 'main', 'touch', '/state/end');
  const second = await waitFor('the second instance', async () => {
    const newest = await node.container(uid, 'main');
    return newest.id !== first.id && newest.state === 'CONTAINER_RUNNING' ? newest : undefined;
  });
  t.equal(second.metadata?.attempt, 1);
  const restartMs = performance.now() - stoppedAtMs;
  t.ok(restartMs < 5000, `restarted ${Math.round(restartMs)} ms after it was told to end`);

  // The outage goes on for a while, and nothing else happens.
  await waitFor('the outage to have lasted', () => performance.now() - stoppedAtMs > AWAY_MS, {
    deadlineMs: AWAY_MS * 2,
  });
  t.equal((await node.container(uid, 'main')).id, second.id);
  await bringBack();
  const after = await cluster.untilPod(
    'crashes',
    'its restart told',
    pod => statusOf(pod).restartCount === 1 && statusOf(pod).state.running !== undefined,
  );
  t.match(statusOf(after), {
    containerID: `containerd://${second.id}`,
    lastState: { terminated: { exitCode: 9, reason: 'Error', containerID: `containerd://${first.id}` } },
  });
  t.equal(statusOf(after, 'steady').restartCount, 0);
  t.equal(statusOf(after, 'steady').containerID, statusOf(before, 'steady').containerID);
});

t.test('afterwards new pods run and old ones are deleted as ever', async () => {
  await cluster.createRunningPod('later');
  await cluster.deletePod('crashes', 1);
  await cluster.untilGone('crashes');
});
