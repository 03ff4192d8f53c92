// W6, QoS and pressure: classes, scores and cgroups; out of memory; throttled, not killed. (Resize: test/pod/resize.)
import t from 'tap';
import type { Pod, ResourceRequirements } from '../../agent/api/objects.ts';
import { obedient, script, statusOf, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const node = await cluster.node();
const MIB = 1024 * 1024;

async function create(name: string, resources: ResourceRequirements): Promise<Pod> {
  await cluster.createPod(name, { containers: [{ ...obedient(), resources }] });
  return await cluster.untilRunning(name);
}

// A machine that may not lower scores runs containerd with restrict_oom_score_adj: there the least one is its own.
const isRestricted = /restrict_oom_score_adj = true/.test(await node.readFile('/etc/containerd/config.toml'));

async function scoreOf(pod: Pod): Promise<number> {
  return Number(await node.exec(uidOf(pod), 'main', 'cat', '/proc/1/oom_score_adj'));
}

async function cgroupOf(pod: Pod, controller = 'memory'): Promise<string> {
  return (await node.cgroups(controller)).find(path => path.endsWith(`/pod${uidOf(pod)}`)) ?? 'none';
}

t.test('each class has its score and its place', async t => {
  const both = { cpu: '100m', memory: '64Mi' };
  const guaranteed = await create('guaranteed', { requests: both, limits: both });
  const burstable = await create('burstable', { requests: { memory: '64Mi', cpu: '250m' } });
  const bestEffort = await create('besteffort', {});

  t.equal(guaranteed.status?.qosClass, 'Guaranteed');
  t.equal(await scoreOf(guaranteed), isRestricted ? 0 : -997);
  t.equal(await cgroupOf(guaranteed), `/kubepods/pod${uidOf(guaranteed)}`);

  t.equal(burstable.status?.qosClass, 'Burstable');
  const capacity = (await cluster.getNode()).status?.capacity?.['memory'] ?? '';
  const capacityBytes = Number(capacity.replace('Ki', '')) * 1024;
  const expected = 1000 - Math.floor((1000 * 64 * MIB) / capacityBytes);
  t.equal(await scoreOf(burstable), Math.min(999, Math.max(3, expected)));
  t.equal(await cgroupOf(burstable), `/kubepods/burstable/pod${uidOf(burstable)}`);
  await waitFor('the weight of the Burstable class', async () => {
    const root = await node.cgroupRoot('cpu');
    const files = ['cpu.shares', 'cpu.weight'].map(
      file => `cat ${root}/kubepods/burstable/${file} 2>/dev/null`,
    );
    const weight = Number(await node.shell(files.join(' || ')));
    return root.endsWith('cpu') ? weight >= 256 : weight >= 10;
  });

  t.equal(bestEffort.status?.qosClass, 'BestEffort');
  t.equal(await scoreOf(bestEffort), 1000);
  t.equal(await cgroupOf(bestEffort), `/kubepods/besteffort/pod${uidOf(bestEffort)}`);
});

t.test('a container beyond its memory limit is OOMKilled with 137 and restarted', async t => {
  const resources = { limits: { memory: '32Mi' } };
  // The file is the container's memory, and the shell that writes it is killed.
  const text =
    'test -e /state/again && { trap "exit 0" TERM; sleep 600 & wait $!; }; touch /state/again; exec tail -c 200m /dev/zero';
  await cluster.createPod('greedy', {
    volumes: [{ name: 'state', emptyDir: {} }],
    containers: [script(text, { resources, volumeMounts: [{ name: 'state', mountPath: '/state' }] })],
  });
  const pod = await cluster.untilPod(
    'greedy',
    'restarted',
    found => statusOf(found).restartCount === 1 && statusOf(found).state.running !== undefined,
  );
  t.match(statusOf(pod).lastState.terminated, { reason: 'OOMKilled', exitCode: 137 });
});

t.test('a cpu limit throttles and kills nothing', async t => {
  const resources = { limits: { cpu: '50m' }, requests: { cpu: '10m' } };
  await cluster.createPod('busy', { containers: [script('while :; do :; done', { resources })] });
  const pod = await cluster.untilRunning('busy');
  const { id } = await node.container(uidOf(pod), 'main');
  const root = await node.cgroupRoot('cpu');
  const throttled = async (): Promise<number> => {
    const path = (await node.cgroups('cpu')).find(found => found.includes(id)) ?? '';
    const text = await node.shell(`cat ${root}${path}/cpu.stat`);
    return Number(/nr_throttled (\d+)/.exec(text)?.[1] ?? 0);
  };
  await waitFor('it to be throttled', async () => (await throttled()) > 3);
  const later = await cluster.getPod('busy');
  t.equal(later && statusOf(later).restartCount, 0);
  await cluster.deletePod('busy', 0);
});
