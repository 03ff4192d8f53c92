// What the node itself refuses, whatever a scheduler said: pods here name their node.
import t from 'tap';
import type { Pod, PodSpec } from '../../agent/api/objects.ts';
import { obedient, type TestCluster, uidOf, useCluster } from '../support/cluster.ts';

const CRITICAL = 'system-node-critical';
const cluster: TestCluster = await useCluster(t);
const node = await cluster.node();
const { allocatable } = (await cluster.getNode()).status ?? {};
const cpuMilli = Math.round(Number(allocatable?.['cpu'] ?? 0) * 1000);

async function untilRejected(name: string, spec: Partial<PodSpec>, metadata: object = {}): Promise<Pod> {
  await cluster.createPod(name, { ...spec, containers: spec.containers ?? [obedient()] }, metadata);
  return await cluster.untilPod(name, 'rejected', ({ status }) => status?.phase === 'Failed');
}

function asking(cpu: string): Pick<PodSpec, 'containers'> {
  return { containers: [{ ...obedient(), resources: { requests: { cpu } } }] };
}

t.test("a pod that finds no room is Failed, with the kubelet's reason, message and event", async t => {
  const pod = await untilRejected('too-large', asking('100'));
  const message = new RegExp(`enough resource: cpu, requested: 100000, used: \\d+, capacity: ${cpuMilli}$`);
  t.equal(pod.status?.reason, 'OutOfcpu');
  t.match(pod.status?.message, /^Pod was rejected: Node didn't have/);
  t.match(pod.status?.message, message);
  await cluster.untilEvent(pod, 'OutOfcpu', message);
  t.same(await node.sandboxes(uidOf(pod)), [], 'nothing was made for it');
  t.match(await cluster.kubectl('get', 'pod', 'too-large'), / OutOfcpu /, 'where pods are listed too');
  await cluster.deletePod('too-large');
  await cluster.untilGone('too-large', 5000);
});

t.test('nodeSelector, sysctls and host ports', async t => {
  const elsewhere = await untilRejected('elsewhere', { nodeSelector: { there: 'is-none' } });
  t.equal(elsewhere.status?.reason, 'NodeAffinity');
  const sysctls = [{ name: 'kernel.msgmax', value: '65536' }];
  const forbidden = await untilRejected('forbidden', { securityContext: { sysctls } });
  t.match(forbidden.status, {
    reason: 'SysctlForbidden',
    message: 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted',
  });
  const ports = [{ containerPort: 80, hostPort: 31_999 }];
  await cluster.createPod('first', { containers: [{ ...obedient(), ports }] });
  await cluster.untilRunning('first');
  const second = await untilRejected('second', { containers: [{ ...obedient(), ports }] });
  t.equal(second.status?.reason, 'NodePorts');
  await cluster.deletePod('first', 1);
  await cluster.untilGone('first');
  await cluster.createPod('third', { containers: [{ ...obedient(), ports }] });
  await cluster.untilRunning('third');
});

t.test('a label that is set a moment before the pod is enough', async () => {
  await cluster.kubectl('label', 'node', 'node-1', 'moment=now', '--overwrite');
  await cluster.createRunningPod('labelled', { nodeSelector: { moment: 'now' } });
  await cluster.kubectl('label', 'node', 'node-1', 'moment-');
});

t.test('a critical pod makes room for itself; pods that run survive a restart in a full node', async t => {
  await cluster.kubectl('create', 'quota', 'critical', '--hard=pods=100'); // the plug-in allows critical pods only so
  const share = `${Math.floor(cpuMilli * 0.6)}m`;
  await cluster.createPod('modest', asking(share));
  const modest = await cluster.untilRunning('modest');
  const second = await untilRejected('no-room', asking(share));
  t.equal(second.status?.reason, 'OutOfcpu');

  await cluster.sandbox.node('node-1').agent.kill();
  await cluster.sandbox.node('node-1').agent.ensureStarted({ signal: AbortSignal.timeout(60_000) });
  await cluster.untilNodeReady();

  await cluster.createPod('critical', { ...asking(share), priorityClassName: CRITICAL });
  const victim = await cluster.untilPod('modest', 'preempted', ({ status }) => status?.phase === 'Failed');
  t.equal(uidOf(victim), uidOf(modest));
  t.match(victim.status, { reason: 'Preempting', message: 'Preempted in order to admit critical pod' });
  t.match(
    victim.status?.conditions?.find(({ type }) => type === 'DisruptionTarget'),
    { status: 'True', reason: 'TerminationByKubelet' },
  );
  await cluster.untilEvent(victim, 'Preempting', 'Preempted in order to admit critical pod');
  await cluster.untilRunning('critical');
});
