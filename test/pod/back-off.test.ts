// The crash back-off is the container's, not the agent's: who is killed and comes back goes on where it was.
import t from 'tap';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { isReady, script, statusOf, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const node = await cluster.node();
const { agent } = node.node;
const FIRST_BACKOFF_MS = 10_000;

t.test('an agent that starts anew waits as the one before it would have', async t => {
  await cluster.createPod('crashes', { containers: [script('exit 3')] });
  const isWaiting = (message: string): boolean =>
    message.startsWith('back-off 10s restarting failed container=main pod=crashes_');
  const pod = await cluster.untilPod(
    'crashes',
    'in its first back-off',
    found => statusOf(found).restartCount === 1 && isWaiting(statusOf(found).state.waiting?.message ?? ''),
  );
  await agent.kill();
  await agent.ensureStarted({ signal: AbortSignal.timeout(60_000) });
  await cluster.untilNodeReady();
  const still = await cluster.getPod('crashes');
  t.equal(still && statusOf(still).restartCount, 1, 'no restart for the sake of the restart');
  t.equal(still && statusOf(still).state.waiting?.reason, 'CrashLoopBackOff');

  const third = await waitFor('the third instance', async () => {
    const newest = await node.container(uidOf(pod), 'main');
    return newest.metadata?.attempt === 2 ? newest : undefined;
  });
  const endedAtMs = Date.parse(statusOf(pod).lastState.terminated?.finishedAt ?? '');
  const waitedMs = Number(BigInt(third.createdAt) / 1_000_000n) - endedAtMs;
  t.ok(waitedMs >= FIRST_BACKOFF_MS, `${waitedMs} ms after the second one ended`); // finishedAt is cut to seconds
  await cluster.untilPod('crashes', 'in its second back-off', found =>
    (statusOf(found).state.waiting?.message ?? '').startsWith('back-off 20s '),
  );
});

t.test('a rule of one container makes all of them start over, in the same sandbox', async t => {
  const exitCodes = { operator: 'In', values: [42] };
  const restartPolicyRules = [{ action: 'RestartAllContainers', exitCodes }];
  const once = 'test -f /data/done && exec sleep 1000; touch /data/done; sleep 1; exit 42';
  const volumeMounts = [{ name: 'data', mountPath: '/data' }];
  await cluster.createPod('anew', {
    restartPolicy: 'Never',
    volumes: [{ name: 'data', emptyDir: {} }],
    initContainers: [{ name: 'init', image: IMAGES.busybox, command: ['true'] }],
    containers: [
      { ...script(once), restartPolicy: 'Never', restartPolicyRules, volumeMounts },
      script('exec sleep 1000'),
    ],
  });
  const before = await cluster.untilPod(
    'anew',
    'with an address',
    ({ status }) => status?.podIP !== undefined,
  );
  const after = await cluster.untilPod('anew', 'started over', pod => {
    const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
    const statuses = [...initContainerStatuses, ...containerStatuses];
    return isReady(pod) && statuses.every(({ restartCount }) => restartCount === 1);
  });
  t.equal(after.status?.podIP, before.status?.podIP);
  const lastState = { terminated: { exitCode: 137, reason: 'RestartingAllContainers' } };
  t.match(after.status?.initContainerStatuses, [{ lastState }]);
  t.match(after.status?.containerStatuses, [{ lastState }, { lastState }]);
  t.match(
    after.status?.conditions?.find(({ type }) => type === 'AllContainersRestarting'),
    { status: 'False' },
  );
});
