// W2, a production application: configuration by subPath, secrets, probes, a Service; and an update under load.
import t from 'tap';
import type { Service } from '../../agent/api/objects.ts';
import { ensureDnsWithImage, removeDns } from '../../hack/sandbox/cluster-dns.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { ask, askOften, clusterIP } from '../proxy/backends.ts';
import { uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

t.setTimeout(180_000);
const cluster = await useCluster(t);
const node = await cluster.node('node-1');
const port = 31_080;

const SERVER = 'echo ok >/www/health; trap "exit 0" TERM; httpd -f -p 8080 -h /www & wait $!';
const CONTAINER = {
  name: 'app',
  image: IMAGES.busybox,
  command: ['sh', '-c', SERVER],
  ports: [{ name: 'http', containerPort: 8080 }],
  env: ['DB_PASSWORD', 'API_KEY'].map(key => ({
    name: key,
    valueFrom: { secretKeyRef: { name: 'app', key } },
  })),
  resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { cpu: '200m', memory: '64Mi' } },
  livenessProbe: { httpGet: { path: '/health', port: 'http' }, periodSeconds: 2 },
  readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1 },
  // Who has heard of the pod before it was taken out of the Service is served until all have heard of its end.
  lifecycle: { preStop: { sleep: { seconds: 2 } } },
  volumeMounts: [
    { name: 'www', mountPath: '/www' },
    { name: 'config', mountPath: '/www/hostname', subPath: 'index' },
  ],
};

async function createApplication(): Promise<void> {
  await cluster.create('configmaps', 'app', { data: { index: 'v1\n' } });
  await cluster.create('secrets', 'app', { stringData: { DB_PASSWORD: 'secret', API_KEY: 'key' } });
  const template = {
    metadata: { labels: { app: 'app' } },
    spec: {
      terminationGracePeriodSeconds: 5,
      containers: [CONTAINER],
      volumes: [
        { name: 'www', emptyDir: {} },
        { name: 'config', configMap: { name: 'app' } },
      ],
    },
  };
  const deployment = {
    metadata: { name: 'app' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'app' } },
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
      template,
    },
  };
  const path = `/apis/apps/v1/namespaces/${cluster.namespace}/deployments`;
  await cluster.api.create(path, deployment, { signal: new AbortController().signal });
}

/** Says ready in every pod that runs and has not said so. */
async function makeReady(): Promise<void> {
  for (const pod of await cluster.listPods('app=app')) {
    if (pod.status?.phase !== 'Running' || pod.metadata.deletionTimestamp) continue;
    const home = await cluster.node(pod.spec.nodeName);
    await home.exec(uidOf(pod), 'app', 'touch', '/www/ready').catch(() => undefined); // on its way up or down
  }
}

async function rollOut(...command: string[]): Promise<void> {
  await cluster.kubectl('rollout', ...command, 'deployment/app');
  await waitFor(
    `rollout ${command.join(' ')}`,
    async () => {
      await makeReady();
      const status = await cluster.kubectl('rollout', 'status', 'deployment/app', '--watch=false');
      return status.includes('successfully rolled out');
    },
    { deadlineMs: 60_000, pollMs: 200 },
  );
}

await createApplication();
const service = await cluster.create<Service>('services', 'app', {
  spec: {
    type: 'NodePort',
    selector: { app: 'app' },
    ports: [{ port: 80, targetPort: 'http', nodePort: port }],
  },
});

t.test('nobody is served before /ready is there', async t => {
  await waitFor('three pods to run', async () => {
    const pods = await cluster.listPods('app=app');
    return pods.length === 3 && pods.every(({ status }) => status?.phase === 'Running');
  });
  for (const pod of await cluster.listPods('app=app')) t.equal(pod.status?.qosClass, 'Burstable');
  t.match(await ask(node, clusterIP(service)), /refused|Couldn't connect/);
  await makeReady();
  await waitFor('v1', async () => (await ask(node, clusterIP(service))) === 'v1');
  await waitFor(
    'the node port',
    async () => (await ask(node, `${cluster.sandbox.node('node-2').address}:${port}`)) === 'v1',
  );
});

t.test('a pod finds it by name', async t => {
  const { signal } = new AbortController();
  t.teardown(async () => await removeDns(cluster.sandbox, { signal }));
  await ensureDnsWithImage(cluster.sandbox, { signal, log: t.comment.bind(t) });
  await cluster.createPod('client', { containers: [{ name: 'client', image: IMAGES.web }] });
  const running = await cluster.untilRunning('client');
  const home = await cluster.node(running.spec.nodeName);
  const answer = await home.exec(uidOf(running), 'client', '/web', 'get', 'http://app/hostname');
  t.equal(answer.trim(), 'v1');
});

t.test('a rolling update under load fails no request', async t => {
  await cluster.kubectl('patch', 'configmap', 'app', '-p', '{"data":{"index":"v2\\n"}}');
  t.equal(await ask(node, clusterIP(service)), 'v1', 'a subPath file stays as it was');
  const stop = `/run/${cluster.namespace}-stop`;
  const load = node.shell(`while [ ! -e ${stop} ]; do
    curl --silent --show-error --max-time 5 http://${clusterIP(service)}/hostname 2>&1; sleep 0.02; done; rm ${stop}`);
  await rollOut('restart');
  await waitFor('v2 alone', async () => (await ask(node, clusterIP(service))) === 'v2');
  await node.shell(`touch ${stop}`);
  const answers = Map.groupBy((await load).split('\n').filter(Boolean), answer => answer);
  t.same(
    [...answers.keys()].toSorted(),
    ['v1', 'v2'],
    [...answers].map(([text, all]) => `${all.length} ${text}`).join(', '),
  );
});

t.test('rollout undo brings v1 back', async t => {
  await cluster.kubectl('patch', 'configmap', 'app', '-p', '{"data":{"index":"v1\\n"}}');
  t.equal(await ask(node, clusterIP(service)), 'v2', 'not before its pods are replaced');
  await rollOut('undo');
  await waitFor('v1 alone', async () => (await askOften(node, clusterIP(service))).join() === 'v1');
  t.match(await cluster.kubectl('rollout', 'history', 'deployment/app'), /^2 .*\n3 /m);
});
