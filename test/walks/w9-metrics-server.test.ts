// W9: metrics-server as its project ships it, `kubectl top`, and an application that grows under load and shrinks after it.
import t from 'tap';
import { metricsServerManifest } from '../../hack/e2e/metrics-server.ts';
import { timedLog } from '../../hack/sandbox/command.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { script, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

t.setTimeout(300_000);

// metrics-server and the autoscaler look every 15 s each, and a rate takes two looks.
const SLOW = { deadlineMs: 100_000, pollMs: 1000 };
const MAX_REPLICAS = 3;

const { signal } = new AbortController();
const cluster = await useCluster(t);
const manifest = await metricsServerManifest({ signal, log: timedLog() });
await cluster.sandbox.kubectl(['apply', '-f', '-'], { signal, input: manifest });
t.teardown(
  async () =>
    await cluster.sandbox.kubectl(['delete', '-f', '-', '--wait=false'], { signal, input: manifest }),
);

const pod = {
  metadata: { labels: { app: 'web' } },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'web',
        image: IMAGES.web,
        resources: { requests: { cpu: '20m' }, limits: { cpu: '100m' } },
        readinessProbe: { tcpSocket: { port: 8080 } },
      },
    ],
  },
};
const autoscaler = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web' },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    minReplicas: 1,
    maxReplicas: MAX_REPLICAS,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
      },
    ],
    // At once, where people wait five minutes.
    behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
  },
};

await t.test('kubectl top knows nodes and pods', async t => {
  await apply({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { selector: { matchLabels: { app: 'web' } }, template: pod },
  });
  await cluster.create('services', 'web', {
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  const nodes = await waitFor('the nodes', () => top('nodes', '--no-headers'), SLOW);
  t.match(nodes, /^node-1 +\d+m +\d+% +\d+Mi +\d+%/m);
  const pods = await waitFor('the pods', () => top('pods', '--containers', '--no-headers'), SLOW);
  t.match(pods, /^web-\S+ +web +\d+m +\d+Mi/m);
});

await t.test('an autoscaler grows the application under load, and shrinks it afterwards', async () => {
  await apply(autoscaler);
  const address = (await cluster.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}')).trim();
  await cluster.createPod('load', {
    containers: [script(`while :; do wget -q -O /dev/null http://${address}/; done`)],
  });
  await waitFor('more replicas', async () => (await replicas()) === MAX_REPLICAS, SLOW);
  await cluster.deletePod('load', 1);
  await waitFor('one replica', async () => (await replicas()) === 1, SLOW);
});

async function apply(object: object): Promise<void> {
  const args = ['--namespace', cluster.namespace, 'apply', '-f', '-'];
  await cluster.sandbox.kubectl(args, { signal, input: JSON.stringify(object) });
}

/** Undefined until metrics-server has seen it twice. */
async function top(...args: string[]): Promise<string | undefined> {
  const text = await cluster.kubectl('top', ...args);
  return text.includes('web') || args[0] === 'nodes' ? text : undefined;
}

async function replicas(): Promise<number> {
  return Number(await cluster.kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}'));
}
