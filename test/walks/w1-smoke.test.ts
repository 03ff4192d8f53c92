// W1, the smoke test of the hard way, as a person does it with kubectl, curl and the host's own tools on two nodes.
import { join } from 'node:path';
import t from 'tap';
import type { Pod, Service } from '../../agent/api/objects.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { CHECKOUT } from '../../hack/sandbox/paths.ts';
import { obedient, statusOf, uidOf, useCluster } from '../support/cluster.ts';
import type { NodeProcess, NodeView } from '../support/node-view.ts';
import { waitFor } from '../support/wait-for.ts';

const NODES = ['node-1', 'node-2'];
const cluster = await useCluster(t);
const { signal } = new AbortController();

function podOn(pods: readonly Pod[], nodeName: string): Pod {
  const pod = pods.find(({ spec }) => spec.nodeName === nodeName);
  if (pod === undefined) throw new Error(`no pod on ${nodeName}`);
  return pod;
}

function url(pod: Pod): string {
  return `http://${pod.status?.podIP ?? ''}:8080/`;
}

async function curl(node: NodeView, pod: Pod): Promise<string> {
  return await node.run('curl', '--silent', '--show-error', '--fail', '--max-time', '5', url(pod));
}

/** `10.244.1.` for `10.244.1.0/24`. */
function prefixOf(podCIDR = ''): string {
  return podCIDR.replace(/\d+\/24$/, '');
}

t.test('a secret lies encrypted in etcd', async t => {
  await cluster.kubectl(
    'create',
    'secret',
    'generic',
    'kubernetes-the-hard-way',
    '--from-literal=mykey=mydata',
  );
  const key = `/registry/secrets/${cluster.namespace}/kubernetes-the-hard-way`;
  const raw = await readEtcd(key);
  t.equal(raw.subarray(0, 'k8s:enc:aescbc:v1:'.length).toString('latin1'), 'k8s:enc:aescbc:v1:');
  t.notOk(raw.includes('mydata'));
});

t.test('a deployment is spread over the nodes, addresses are of their podCIDR', async t => {
  await cluster.kubectl('create', 'deployment', 'nginx', `--image=${IMAGES.web}`);
  await cluster.kubectl('scale', 'deployment', 'nginx', '--replicas=2');
  await cluster.kubectl('rollout', 'status', 'deployment/nginx', '--timeout=60s');
  const pods = await cluster.listPods('app=nginx');
  t.same(pods.map(({ spec }) => spec.nodeName ?? '').toSorted(), NODES);
  for (const name of NODES) {
    const { spec } = await cluster.getNode(name);
    const { podIP = '' } = podOn(pods, name).status ?? {};
    t.ok(podIP.startsWith(prefixOf(spec?.podCIDR)), `${podIP} lies in ${spec?.podCIDR}`);
  }
});

t.test('the runtime lists the container with name, attempt and pod', async t => {
  for (const name of NODES) {
    const pod = podOn(await cluster.listPods('app=nginx'), name);
    const node = await cluster.node(name);
    const container = await node.container(uidOf(pod), 'nodelet-web');
    t.match(container, {
      state: 'CONTAINER_RUNNING',
      metadata: { name: 'nodelet-web', attempt: 0 },
      labels: {
        'io.kubernetes.pod.name': pod.metadata.name,
        'io.kubernetes.pod.namespace': cluster.namespace,
      },
    });
    t.equal(statusOf(pod, 'nodelet-web').containerID, `containerd://${container.id}`);
    t.match(
      await node.run('ctr', '-n', 'k8s.io', 'tasks', 'list'),
      new RegExp(`^${container.id} +\\d+ +RUNNING`, 'm'),
    );
  }
});

t.test('the process tree: containerd-shim, under it pause and the web server', async t => {
  const pod = podOn(await cluster.listPods('app=nginx'), 'node-1');
  const node = await cluster.node();
  const [sandbox] = await node.sandboxes(uidOf(pod));
  const processes = await node.processes();
  const shim = processes.find(
    ({ command }) => command.includes('containerd-shim') && command.includes(sandbox?.id ?? '-'),
  );
  t.ok(shim, 'a shim for the pod');
  const children = processes
    .filter(({ parent }: NodeProcess) => parent === shim?.pid)
    .map(child => child.command);
  t.same(children.toSorted(), ['/pause', '/web']);
});

t.test('cni0 is a bridge with the first address of the podCIDR and a veth for each pod', async t => {
  for (const name of NODES) {
    const node = await cluster.node(name);
    const { spec } = await cluster.getNode(name);
    t.match(await node.run('ip', '-details', 'link', 'show', 'cni0'), /\bbridge\b/);
    const addresses = await node.run('ip', '-4', '-oneline', 'address', 'show', 'cni0');
    t.ok(addresses.includes(` ${prefixOf(spec?.podCIDR)}1/24 `), addresses.trim());
    await waitFor(`a veth for each pod on ${name}`, async () => {
      const links = (await node.run('ip', '-oneline', 'link', 'show', 'master', 'cni0')).trim().split('\n');
      const selector = `--field-selector=spec.nodeName=${name}`;
      const pods = await cluster.kubectl('get', 'pods', '-A', selector, '-o', 'name');
      return links.filter(link => link.includes('veth')).length === pods.trim().split('\n').length;
    });
  }
});

t.test('pods answer by their addresses: from either node, from a pod, and a node answers a pod', async t => {
  const pods = await cluster.listPods('app=nginx');
  for (const from of NODES) {
    const node = await cluster.node(from);
    for (const pod of pods) {
      t.match(await curl(node, pod), /^pod \S+ on \S+, nodelet-web 1\n$/, `${from} to ${pod.spec.nodeName}`);
    }
    const client = await cluster.createPod(`client-${from}`, { nodeName: from, containers: [obedient()] });
    await cluster.untilRunning(`client-${from}`);
    for (const pod of pods) {
      const answer = await node.exec(uidOf(client), 'main', 'timeout', '5', 'wget', '-qO-', url(pod));
      t.match(answer, new RegExp(pod.metadata.name), `pod on ${from} to ${pod.spec.nodeName}`);
    }
    for (const to of NODES) {
      const { address } = cluster.sandbox.node(to);
      const ping = await node.exec(uidOf(client), 'main', 'ping', '-c', '1', '-W', '5', address);
      t.match(ping, / 0% packet loss/, `pod on ${from} to ${to}`);
    }
  }
});

t.test('a pod sees the address of the pod that asks, not that of its node', async t => {
  const client = await cluster.getPod('client-node-1');
  const server = podOn(await cluster.listPods('app=nginx'), 'node-2');
  const log = `/var/log/pods/${cluster.namespace}_${server.metadata.name}_${uidOf(server)}/nodelet-web/0.log`;
  t.match(await (await cluster.node('node-2')).readFile(log), `GET / from ${client?.status?.podIP ?? ''}:`);
});

t.test('port-forward, logs and exec', async t => {
  const { name } = podOn(await cluster.listPods('app=nginx'), 'node-2').metadata;
  const forward = await cluster.portForward(`pod/${name}`, 8080);
  t.teardown(() => forward.close());
  const answer = await fetch(`http://127.0.0.1:${forward.port}/forwarded`, { method: 'HEAD' });
  t.equal(answer.status, 200);
  const logs = await cluster.kubectl('logs', name);
  t.match(logs, /^nodelet-web 1 on :8080\n/, 'the lines of its start');
  t.match(logs, /^HEAD \/forwarded from /m, 'and that request');
  t.match(
    await cluster.kubectl('exec', name, '--', '/bin/sh', '-c', 'true').catch(String),
    /not found|no such/,
  );
  const help = await cluster.sandbox.tryKubectl(
    ['--namespace', cluster.namespace, 'exec', '-ti', name, '--', '/web', '-h'],
    { signal },
  );
  t.match(help, { exitCode: 0, stderr: /address to serve on/ });
});

t.test('exposed by a node port, either node answers with both pods', async t => {
  await cluster.kubectl(
    'expose',
    'deployment',
    'nginx',
    '--port=80',
    '--target-port=8080',
    '--type=NodePort',
  );
  const service = await cluster.api.get<Service>(`/api/v1/namespaces/${cluster.namespace}/services/nginx`, {
    signal,
  });
  const pods = await cluster.listPods('app=nginx');
  const addresses = pods.map(({ status }) => `${status?.podIP}:8080`).toSorted();
  await waitFor('both endpoints', async () => {
    const text = await cluster.kubectl('describe', 'service', 'nginx');
    return /^Endpoints: +(.*)$/m.exec(text)?.[1]?.split(',').toSorted().join() === addresses.join();
  });
  const port = service.spec?.ports?.[0]?.nodePort ?? 0;
  const names = pods.map(({ metadata }) => metadata.name).toSorted();
  for (const from of NODES) {
    for (const to of NODES) {
      const target = `http://${cluster.sandbox.node(to).address}:${port}/`;
      const line = `for i in $(seq 20); do curl --silent --show-error --fail --max-time 5 ${target} 2>&1; done`;
      await waitFor(`${from} to ${to}`, async () => {
        const answers = await (await cluster.node(from)).shell(line);
        return names.every(name => answers.includes(`pod ${name} on`)) && !answers.includes('curl:');
      });
    }
  }
  t.pass('from each node to each');
});

t.test('the demo answers HTTP from the node', async t => {
  const demo = join(CHECKOUT, 'hack', 'demo');
  await cluster.sandbox.kubectl(['apply', '-f', demo], { signal });
  t.teardown(() => cluster.sandbox.kubectl(['delete', '-f', demo, '--wait'], { signal }));
  await cluster.sandbox.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s'], { signal });
  const { items } = await cluster.api.get<{ items: Pod[] }>('/api/v1/namespaces/default/pods', {
    signal,
    query: { labelSelector: 'app=web' },
  });
  t.equal(items.length, 3);
  for (const pod of items) {
    t.match(await curl(await cluster.node(pod.spec.nodeName), pod), `pod ${pod.metadata.name} on`);
  }
});

t.test('and is removed again', async () => {
  await cluster.kubectl('delete', 'deployment', 'nginx', '--wait');
  await waitFor('its pods to go', async () => (await cluster.listPods('app=nginx')).length === 0);
});

/** A raw value out of etcd. */
async function readEtcd(key: string): Promise<Buffer> {
  const body = JSON.stringify({ key: Buffer.from(key).toString('base64') });
  const args = ['--silent', '--show-error', '--data', body, 'http://127.0.0.1:2379/v3/kv/range'];
  const answer = await cluster.sandbox.controlPlane.holder.run('curl', args, { signal });
  // etcd's JSON gateway.
  const { kvs = [] } = JSON.parse(answer.stdout || '{}') as { kvs?: { value: string }[] };
  const [entry] = kvs;
  if (entry === undefined) throw new Error(`etcd has no ${key}: ${answer.stdout}${answer.stderr}`);
  return Buffer.from(entry.value, 'base64');
}
