// The agent is killed with SIGKILL at every call of a pod's life and started again: no container restarts, none is
// there twice, unfinished steps are finished, nothing of a deleted pod stays.

import { strict as assert } from 'node:assert';
import t, { type Test } from 'tap';
import { isCall } from '../support/cri-proxy.ts';
import type { FaultPoint } from '../support/fault-points.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  busyboxContainer,
  FaultCluster,
  isRunning,
  pause,
  restartCounts,
  webContainer,
} from './fault-cluster.ts';

t.setTimeout(240_000);

const cluster = await FaultCluster.start({ name: process.env['NODELET_TEST_SANDBOX'] ?? 'faults' });
t.teardown(async () => await cluster.stop());
await cluster.removePods();

// Two containers and a volume of each way to be set up: files of an object, and a tmpfs mount.
const SPEC = {
  containers: [
    { ...webContainer('web'), volumeMounts: [{ name: 'memory', mountPath: '/memory' }] },
    { ...webContainer('side', 8081), volumeMounts: [{ name: 'config', mountPath: '/config' }] },
  ],
  spec: {
    volumes: [
      { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      { name: 'config', configMap: { name: 'kube-root-ca.crt' } },
    ],
  },
};

let serial = 0;

type Place = (name: string) => FaultPoint<unknown>;
const PLACES: Readonly<Record<'before' | 'during' | 'after', Place>> = {
  before: name => cluster.cri.faults.before(isCall(name)),
  during: name => cluster.cri.faults.during(isCall(name)),
  after: name => cluster.cri.faults.after(isCall(name)),
};
type PlaceName = keyof typeof PLACES;

const MAKING = ['RunPodSandbox', 'PodSandboxStatus', 'CreateContainer', 'StartContainer', 'ContainerStatus'];
const ENDING = ['StopContainer', 'StopPodSandbox', 'RemoveContainer', 'RemovePodSandbox'];

for (const name of MAKING) {
  for (const place of ['before', 'after'] as const) {
    await t.test(`killed ${place} ${name}, the agent finishes the pod`, async t => {
      await killWhileMaking(t, name, place, 0);
    });
  }
}

// As a killed client's calls are: cancelled in the middle of what the runtime does.
for (const name of ['RunPodSandbox', 'CreateContainer', 'StartContainer']) {
  for (const delayMs of [0, 30, 90]) {
    await t.test(`killed ${delayMs} ms into ${name}, the agent finishes the pod`, async t => {
      await killWhileMaking(t, name, 'during', delayMs);
    });
  }
}

for (const name of ENDING) {
  for (const place of ['before', 'during', 'after'] as const) {
    await t.test(`killed ${place} ${name}, the agent leaves nothing of a deleted pod`, async t => {
      await killWhileEnding(t, name, place);
    });
  }
}

await t.test('killed while a pod is deleted from the API by force, the agent stops the orphan', async () => {
  await cluster.startReadyAgent();
  const pod = await cluster.createPod('orphan', SPEC);
  await cluster.untilRunning('orphan');
  await cluster.killAgent();
  await cluster.deletePod('orphan', 0);
  await cluster.untilGone('orphan');
  await cluster.startAgent();
  await cluster.untilClean([pod.metadata.uid ?? '']);
  await cluster.untilNoNetworkLeaks();
});

await t.test(
  'killed before there is a sandbox, with the pod gone meanwhile, the agent removes its volumes',
  async t => {
    await cluster.startReadyAgent();
    const point = cluster.cri.faults.before(isCall('RunPodSandbox'));
    const pod = await cluster.createPod('early', SPEC);
    const podUID = pod.metadata.uid ?? '';
    await point.reached;
    const isMounted = async (): Promise<boolean> =>
      (await cluster.leftovers(podUID)).join().includes('mount');
    await waitFor('a volume is mounted', isMounted);
    await cluster.killAgent();
    cluster.cri.faults.clear();
    await cluster.deletePod('early', 0);
    await cluster.untilGone('early');
    t.not((await cluster.leftovers(podUID)).length, 0);
    await cluster.startAgent();
    await cluster.untilClean([podUID]);
  },
);

await t.test(
  'killed while a container is in its crash back-off, the agent restarts it, and no other',
  async t => {
    await cluster.startReadyAgent();
    const containers = [webContainer('web'), busyboxContainer('crash', 'exit 3')];
    const pod = await cluster.createPod('crash', { containers });
    const isBackingOff = (name: string): boolean => name === 'CrashLoopBackOff';
    const before = await cluster.untilPod('crash', 'backing off', ({ status }) =>
      (status?.containerStatuses ?? []).some(({ state }) => isBackingOff(state.waiting?.reason ?? '')),
    );
    const count = Math.max(...restartCounts(before));
    await cluster.killAgent();
    await cluster.startAgent();
    const after = await cluster.untilPod(
      'crash',
      'restarted',
      pod => Math.max(...restartCounts(pod)) > count,
    );
    t.equal(Math.max(...restartCounts(after)), count + 1, 'the count goes on where it was');
    t.equal(containerID(after, 'web'), containerID(before, 'web'), 'the other container is the same');
    await cluster.deletePod('crash');
    await cluster.untilGone('crash');
    await cluster.untilClean([pod.metadata.uid ?? '']);
  },
);

async function killWhileMaking(t: Test, name: string, place: PlaceName, delayMs: number): Promise<void> {
  await cluster.startReadyAgent();
  cluster.cri.forget();
  const podName = `making-${++serial}`;
  const point = PLACES[place](name);
  const pod = await cluster.createPod(podName, SPEC);
  const podUID = pod.metadata.uid ?? '';
  await killAt(point, delayMs);

  const made = cluster.cri.records.filter(call => call.podUID === podUID && call.hasSucceeded);
  const started = made.filter(call => call.name === 'StartContainer').map(({ id }) => id ?? '');
  await cluster.startAgent();
  const after = await cluster.untilRunning(podName);
  t.strictSame(restartCounts(after), [0, 0], 'no container has restarted');
  const { sandboxes, containers } = await cluster.observe(podUID);
  t.strictSame(
    containers.map(({ metadata, state }) => `${metadata?.name} ${metadata?.attempt} ${state}`).toSorted(),
    ['side 0 CONTAINER_RUNNING', 'web 0 CONTAINER_RUNNING'],
    'each container is there once',
  );
  t.equal(sandboxes.length, 1, 'there is one sandbox');
  for (const id of started) {
    const isThere = containers.some(container => container.id === id);
    t.ok(isThere, 'what was started is what runs');
  }
  await cluster.deletePod(podName);
  await cluster.untilGone(podName);
  await cluster.untilClean([podUID]);
  await cluster.untilNoNetworkLeaks();
}

async function killWhileEnding(t: Test, name: string, place: PlaceName): Promise<void> {
  await cluster.startReadyAgent();
  const podName = `ending-${++serial}`;
  const pod = await cluster.createPod(podName, SPEC);
  const running = await cluster.untilRunning(podName);
  t.ok(isRunning(running));
  const point = PLACES[place](name);
  await cluster.deletePod(podName);
  await killAt(point, 0);
  await cluster.startAgent();
  await cluster.untilGone(podName);
  await cluster.untilClean([pod.metadata.uid ?? '']);
  await cluster.untilNoNetworkLeaks();
}

async function killAt(point: FaultPoint<unknown>, delayMs: number): Promise<void> {
  const pid = await cluster.node.agent.findPid();
  assert.ok(pid !== undefined, 'the agent runs');
  await point.reached;
  await pause(delayMs);
  process.kill(pid, 'SIGKILL');
  await cluster.killAgent(); // waits for its end
  cluster.cri.faults.clear();
}

function containerID(
  pod: { status?: { containerStatuses?: readonly { name: string; containerID?: string }[] } },
  name: string,
): string | undefined {
  return pod.status?.containerStatuses?.find(container => container.name === name)?.containerID;
}
