// W10, scheduling and care of nodes, as a person does it with kubectl: where pods go, who makes way for whom, and what a
// drain does. Everything is made at once; then each part is looked at.
import t from 'tap';
import type { Pod, PodSpec } from '../../agent/api/objects.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { obedient, script, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

t.setTimeout(120_000);
const cluster = await useCluster(t);
const { signal } = new AbortController();
const { namespace } = cluster;
const label = `walk-${namespace}`;

async function apply(...objects: readonly object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await cluster.sandbox.kubectl(['--namespace', namespace, 'apply', '-f', '-'], { signal, input });
}

t.teardown(async () => {
  await cluster.kubectl('uncordon', 'node-1', 'node-2');
  await cluster.kubectl('label', 'node', 'node-2', `${label}-`);
  await cluster.kubectl('taint', 'node', 'node-2', `${label}-`).catch(() => 'not there any more');
  await cluster.kubectl('delete', 'priorityclass', label, '--ignore-not-found');
});

const container = { ...obedient(), resources: { requests: { cpu: '10m' } } };

function template(app: string, spec: object = {}): object {
  const terminationGracePeriodSeconds = 2;
  return {
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds, containers: [container], ...spec },
  };
}

function workload(kind: string, name: string, spec: object, podSpec: object = {}): object {
  const selector = { matchLabels: { app: name } };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name },
    spec: { selector, template: template(name, podSpec), ...spec },
  };
}

function pod(name: string, spec: object): object {
  const defaults = { terminationGracePeriodSeconds: 2, containers: [container] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { ...defaults, ...spec },
  };
}

/** Of the pods of an app that run, sorted. */
async function nodesOf(app: string): Promise<readonly string[]> {
  const pods = await cluster.listPods(`app=${app}`);
  return pods
    .filter(({ status, metadata }) => status?.phase === 'Running' && metadata.deletionTimestamp === undefined)
    .map(({ spec }) => spec.nodeName ?? '')
    .toSorted();
}

async function untilOn(app: string, ...nodes: readonly string[]): Promise<void> {
  await waitFor(`${app} on ${nodes.join(', ')}`, async () => (await nodesOf(app)).join() === nodes.join());
}

const affinity = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: label, operator: 'DoesNotExist' }] }],
    },
  },
};
const patience = { key: label, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 2 };
const job = {
  template: template('job', {
    restartPolicy: 'Never',
    containers: [{ ...container, ...script('echo done') }],
  }),
};

t.before(async () => {
  await cluster.kubectl('label', 'node', 'node-2', `${label}=yes`);
  await apply(
    pod('selected', { nodeSelector: { [label]: 'yes' } }),
    pod('averse', { affinity }),
    pod('brief', { nodeName: 'node-2', tolerations: [patience] }),
    pod('stubborn', { nodeName: 'node-2', tolerations: [{ operator: 'Exists' }] }),
    workload('DaemonSet', 'each', {}, { tolerations: [{ operator: 'Exists' }] }),
    workload(
      'StatefulSet',
      'named',
      { serviceName: 'named', replicas: 2 },
      { nodeSelector: { [label]: 'yes' } },
    ),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'named' },
      spec: { clusterIP: 'None', selector: { app: 'named' }, ports: [{ port: 80 }] },
    },
    { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'job' }, spec: job },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'cron' },
      spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: job } },
    },
  );
  await cluster.kubectl('create', 'job', 'by-cron', '--from=cronjob/cron');
});

t.test('pods go where labels and affinity send them, one of a DaemonSet to each node', async () => {
  await untilOn('selected', 'node-2');
  await untilOn('averse', 'node-1');
  await untilOn('each', 'node-1', 'node-2');
});

t.test('a Job ends, also one that a CronJob makes', async () => {
  for (const name of ['job', 'by-cron'])
    await cluster.kubectl('wait', '--for=condition=Complete', `job/${name}`, '--timeout=30s');
});

t.test('a StatefulSet has names that stay, behind a headless Service', async t => {
  const first = await cluster.untilRunning('named-0');
  await cluster.untilRunning('named-1');
  t.match(first.spec, { hostname: 'named-0', subdomain: 'named' });
  await cluster.deletePod('named-0');
  const again = await cluster.untilPod(
    'named-0',
    'made again',
    ({ metadata, status }) => metadata.uid !== first.metadata.uid && status?.phase === 'Running',
  );
  t.match(await cluster.kubectl('exec', 'named-0', '--', 'hostname', '-f'), /^named-0\.named\./);
  const { items } = await cluster.api.get<{
    items: { endpoints: { hostname?: string; addresses: string[] }[] }[];
  }>(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, { signal });
  t.ok(
    items
      .flatMap(({ endpoints }) => endpoints)
      .some(
        ({ hostname, addresses }) => hostname === 'named-0' && addresses.includes(again.status?.podIP ?? ''),
      ),
  );
});

t.test('a NoExecute taint ends whom it should, when it should', async () => {
  await cluster.untilRunning('brief');
  await cluster.untilRunning('stubborn');
  await cluster.kubectl('taint', 'node', 'node-2', `${label}=yes:NoExecute`);
  await cluster.untilGone('selected');
  await cluster.untilGone('brief');
  await apply(pod('repelled', { nodeSelector: { [label]: 'yes' } }));
  await cluster.untilPod('repelled', 'unschedulable', ({ status }) =>
    (status?.conditions ?? []).some(
      ({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable',
    ),
  );
  await untilOn('each', 'node-1', 'node-2');
  await cluster.untilRunning('stubborn');
  await cluster.kubectl('taint', 'node', 'node-2', `${label}-`);
  await untilOn('repelled', 'node-2');
});

t.test('a drain respects a PodDisruptionBudget, and uncordon opens the node again', async t => {
  const budget = { minAvailable: 1, selector: { matchLabels: { app: 'served' } } };
  await apply(
    workload(
      'Deployment',
      'served',
      { replicas: 2 },
      { nodeSelector: { 'kubernetes.io/hostname': 'node-2' } },
    ),
    { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'served' }, spec: budget },
  );
  await untilOn('served', 'node-2', 'node-2');
  const others = `--pod-selector=app=served`;
  const drain = cluster.kubectl(
    'drain',
    'node-2',
    others,
    '--ignore-daemonsets',
    '--delete-emptydir-data',
    '--timeout=2s',
  );
  await t.rejects(drain, /disruption budget|timed out|timeout/, 'the last one stays');
  t.equal((await nodesOf('served')).length, 1);
  t.match(await cluster.kubectl('get', 'node', 'node-2'), /SchedulingDisabled/);
  await cluster.kubectl('uncordon', 'node-2');
  await untilOn('served', 'node-2', 'node-2');
});

t.test('a pod of higher priority gets the place of a lower one', async t => {
  const cpu = await freeCpuMilli('node-1');
  const most = `${Math.floor(cpu * 0.6)}m`;
  const spec: Partial<PodSpec> = {
    nodeSelector: { 'kubernetes.io/hostname': 'node-1' },
    containers: [{ ...container, resources: { requests: { cpu: most } } }],
  };
  await apply(
    { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: label }, value: 1000 },
    pod('low', spec),
  );
  const low = await cluster.untilRunning('low');
  await apply(pod('high', { ...spec, priorityClassName: label }));
  await cluster.untilRunning('high');
  await cluster.untilGone('low');
  await cluster.untilEvent(low, 'Preempted', /Preempted by pod/);
  t.equal((await cluster.getPod('high'))?.spec.priority, 1000);
});

t.test('a LimitRange gives defaults that the container has, a ResourceQuota refuses', async t => {
  const limits = [{ type: 'Container', default: { memory: '48Mi' }, defaultRequest: { memory: '24Mi' } }];
  await apply({ apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'limits' }, spec: { limits } });
  const env = [{ name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } }];
  await apply(pod('limited', { containers: [{ ...obedient(), image: IMAGES.busybox, env }] }));
  await cluster.untilRunning('limited');
  t.equal(
    (await cluster.kubectl('exec', 'limited', '--', 'sh', '-c', 'echo $LIMIT')).trim(),
    String(48 * 1024 * 1024),
  );
  await apply({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'quota' },
    spec: { hard: { pods: '1' } },
  });
  await waitFor('the quota to be counted', async () =>
    (await cluster.kubectl('get', 'quota', 'quota', '-o=jsonpath={.status.used}')).includes('pods'),
  );
  await t.rejects(apply(pod('too-many', {})), /exceeded quota: quota/);
});

/** Allocatable less what the pods of all namespaces ask for. */
async function freeCpuMilli(node: string): Promise<number> {
  const { items } = await cluster.api.get<{ items: readonly Pod[] }>('/api/v1/pods', {
    signal,
    query: { fieldSelector: `spec.nodeName=${node}` },
  });
  const milli = (text = '0'): number =>
    text.endsWith('m') ? Number(text.slice(0, -1)) : Number(text) * 1000;
  const requested = items
    .flatMap(({ spec }) => spec.containers)
    .map(({ resources }) => milli(resources?.requests?.['cpu']));
  const allocatable = milli((await cluster.getNode(node)).status?.allocatable?.['cpu']);
  return allocatable - requested.reduce((sum, value) => sum + value, 0);
}
