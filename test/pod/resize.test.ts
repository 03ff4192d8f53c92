// In-place resize, proved by the kernel's files: those of the containers and those of the pod.
import t from 'tap';
import type { Pod, PodSpec, ResourceRequirements } from '../../agent/api/objects.ts';
import { podPath } from '../../agent/api/paths.ts';
import { obedient, statusOf, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const node = await cluster.node();
const { signal } = new AbortController();
const MIB = 1024 * 1024;
const cpuMilli = Math.round(Number((await cluster.getNode()).status?.allocatable?.['cpu'] ?? 0) * 1000);

async function resize(name: string, resources: ResourceRequirements, container = 'main'): Promise<void> {
  const body = { spec: { containers: [{ name: container, resources }] } };
  await cluster.api.patch(`${podPath(cluster.namespace, name)}/resize`, body, { signal, type: 'strategic' });
}

/** Millicores of quota, bytes of memory; 0 for no limit. */
interface Limits {
  readonly cpu: number;
  readonly memory: number;
}

async function readLimits(directoryOf: (controller: string) => string): Promise<Limits> {
  const read = async (controller: string, ...files: readonly string[]): Promise<string> =>
    await node.shell(files.map(file => `cat ${directoryOf(controller)}/${file} 2>/dev/null`).join(' || '));
  const memory = (await read('memory', 'memory.max', 'memory.limit_in_bytes')).trim();
  const quota = (await read('cpu', 'cpu.max', 'cpu.cfs_quota_us')).trim().split(' ')[0] ?? '';
  return {
    cpu: quota === 'max' || Number(quota) < 0 ? 0 : Number(quota) / 100,
    memory: memory === 'max' || Number(memory) > 2 ** 60 ? 0 : Number(memory),
  };
}

async function podLimits(pod: Pod): Promise<Limits> {
  const paths = await Promise.all(
    ['cpu', 'memory'].map(async controller => {
      const path = (await node.cgroups(controller)).find(found => found.endsWith(`pod${uidOf(pod)}`)) ?? '';
      return [controller, `${await node.cgroupRoot(controller)}${path}`] as const;
    }),
  );
  return await readLimits(controller => new Map(paths).get(controller) ?? '');
}

async function containerLimits(pod: Pod, name = 'main'): Promise<Limits> {
  const { id } = await node.container(uidOf(pod), name);
  const paths = await Promise.all(
    ['cpu', 'memory'].map(async controller => {
      const path = (await node.cgroups(controller)).find(found => found.includes(id)) ?? '';
      return [controller, `${await node.cgroupRoot(controller)}${path}`] as const;
    }),
  );
  return await readLimits(controller => new Map(paths).get(controller) ?? '');
}

async function untilLimits(pod: Pod, expected: Limits): Promise<void> {
  let last: unknown;
  await waitFor('the limits of container and pod', async () => {
    last = [await containerLimits(pod), await podLimits(pod)];
    return JSON.stringify(last) === JSON.stringify([expected, expected]);
  }).catch((error: unknown) => {
    throw new Error(`limits of container and pod are ${JSON.stringify(last)}`, { cause: error });
  });
}

function asking(cpu: string, memory: string): ResourceRequirements {
  return { requests: { cpu, memory }, limits: { cpu, memory } };
}

async function create(name: string, resources: ResourceRequirements, more: object = {}): Promise<Pod> {
  const spec: Pick<PodSpec, 'containers'> = { containers: [{ ...obedient(), resources, ...more }] };
  await cluster.createPod(name, spec);
  return await cluster.untilRunning(name);
}

function resizeConditions({ status }: Pod): readonly string[] {
  return (status?.conditions ?? []).map(({ type }) => type).filter(type => type.startsWith('PodResize'));
}

async function untilResized(name: string, resources: ResourceRequirements): Promise<Pod> {
  return await cluster.untilPod(name, 'resized', pod => {
    const { allocatedResources, resources: actual } = statusOf(pod);
    return (
      resizeConditions(pod).length === 0 &&
      JSON.stringify(allocatedResources) === JSON.stringify(resources.requests) &&
      JSON.stringify(actual?.limits) === JSON.stringify(resources.limits)
    );
  });
}

t.test('cpu and memory grow and shrink in place', async t => {
  const before = await create('plain', asking('100m', '64Mi'));
  await untilLimits(before, { cpu: 100, memory: 64 * MIB });
  for (const [cpu, memory] of [
    [200, 128],
    [150, 64],
    [150, 96],
  ] as const) {
    const wanted = asking(`${cpu}m`, `${memory}Mi`);
    await resize('plain', wanted);
    await untilLimits(before, { cpu, memory: memory * MIB });
    const after = await untilResized('plain', wanted);
    t.equal(statusOf(after).restartCount, 0);
    t.equal(statusOf(after).containerID, statusOf(before).containerID);
  }
  await cluster.untilEvent(before, 'ResizeStarted', /^Pod resize started: \{"containers":\[\{"name":"main"/);
  await cluster.untilEvent(before, 'ResizeCompleted', /^Pod resize completed: .*"generation":\d+\}$/);
});

t.test('a resource that asks for it gets a new container', async t => {
  const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
  const pod = await create('restarts', asking('100m', '64Mi'), { resizePolicy });
  await resize('restarts', asking('120m', '64Mi'));
  await untilLimits(pod, { cpu: 120, memory: 64 * MIB });
  t.equal(statusOf(await untilResized('restarts', asking('120m', '64Mi'))).restartCount, 0);
  await resize('restarts', asking('120m', '96Mi'));
  await cluster.untilEvent(pod, 'Killing', 'Container main resize requires restart');
  const after = await cluster.untilPod(
    'restarts',
    'restarted',
    found => statusOf(found).restartCount === 1 && statusOf(found).state.running !== undefined,
  );
  await untilLimits(after, { cpu: 120, memory: 96 * MIB });
  await untilResized('restarts', asking('120m', '96Mi'));
});

t.test('a pod is resized as a whole; its containers without limits follow', async t => {
  await cluster.createPod('whole', { resources: asking('100m', '64Mi'), containers: [obedient()] });
  const pod = await cluster.untilRunning('whole');
  await untilLimits(pod, { cpu: 100, memory: 64 * MIB });
  const body = { spec: { resources: asking('200m', '96Mi') } };
  await cluster.api.patch(`${podPath(cluster.namespace, 'whole')}/resize`, body, {
    signal,
    type: 'strategic',
  });
  await untilLimits(pod, { cpu: 200, memory: 96 * MIB });
  t.equal(statusOf(await cluster.untilRunning('whole')).restartCount, 0);
});

t.test(
  'what does not fit waits and is told so; it survives a restart and is done when there is room',
  async t => {
    const share = Math.floor(cpuMilli * 0.4);
    const requests = (cpu: number): ResourceRequirements => ({ requests: { cpu: `${cpu}m` } });
    await create('neighbour', requests(share));
    const pod = await create('waits', requests(100));
    await resize('waits', requests(cpuMilli - share));
    const pending = await cluster.untilPod('waits', 'deferred', found =>
      resizeConditions(found).includes('PodResizePending'),
    );
    const condition = pending.status?.conditions?.find(({ type }) => type === 'PodResizePending');
    t.match(condition, {
      status: 'True',
      reason: 'Deferred',
      message: /^Node didn't have enough resource: cpu,/,
    });
    t.equal(condition?.observedGeneration, pending.metadata.generation);
    await cluster.untilEvent(
      pod,
      'ResizeDeferred',
      /^Pod resize Deferred: .*"error":"Node didn't have enough/,
    );
    t.same(statusOf(pending).allocatedResources, { cpu: '100m' });

    await waitFor('the checkpoint', async () =>
      (await node.readFile('/var/lib/kubelet/allocated_pods_state')).includes(uidOf(pod)),
    );
    await node.node.agent.kill();
    await node.node.agent.ensureStarted({ signal });
    await cluster.untilNodeReady();
    const still = await cluster.untilPod('waits', 'deferred', found => resizeConditions(found).length === 1);
    t.same(statusOf(still).allocatedResources, { cpu: '100m' }, 'what it was given is remembered');
    t.equal(statusOf(still).restartCount, 0);

    await cluster.deletePod('neighbour', 1);
    const done = await untilResized('waits', requests(cpuMilli - share));
    t.same(statusOf(done).allocatedResources, { cpu: `${cpuMilli - share}m` });
  },
);

t.test('a limit below what is in use is refused before anything is changed', async t => {
  const script =
    'trap "exit 0" TERM; dd if=/dev/zero of=/dev/shm/full bs=1M count=40; while :; do sleep 1 & wait $!; done';
  const pod = await create('full', asking('100m', '128Mi'), { command: ['sh', '-c', script] });
  await waitFor('the memory to be used', async () =>
    (await node.exec(uidOf(pod), 'main', 'ls', '-l', '/dev/shm')).includes('41943040'),
  );
  await resize('full', asking('100m', '32Mi'));
  const failing = await cluster.untilPod('full', 'in progress with an error', found =>
    (found.status?.conditions ?? []).some(
      ({ type, reason }) => type === 'PodResizeInProgress' && reason === 'Error',
    ),
  );
  const condition = failing.status?.conditions?.find(({ type }) => type === 'PodResizeInProgress');
  t.match(
    condition?.message,
    /^cannot decrease memory limits: .*container "main" memory limit \(33554432\) below/,
  );
  t.same(await containerLimits(pod), { cpu: 100, memory: 128 * MIB });
  await cluster.untilEvent(pod, 'ResizeError', /cannot decrease memory limits/);
  await node.exec(uidOf(pod), 'main', 'rm', '/dev/shm/full');
  await untilLimits(pod, { cpu: 100, memory: 32 * MIB });
  t.equal(statusOf(await untilResized('full', asking('100m', '32Mi'))).restartCount, 0);
});
