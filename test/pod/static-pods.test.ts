// Static pods as a person with a shell on the node has them: files come, change and go, with an API server and without.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Pod } from '../../agent/api/objects.ts';
import { podPath } from '../../agent/api/paths.ts';
import type { Container } from '../../cri-proto/runtime.v1.ts';
import { STATIC_POD_PATH } from '../../hack/sandbox/agent-config.ts';
import { CHECKOUT } from '../../hack/sandbox/paths.ts';
import { NodeClient } from '../server/node-client.ts';
import { isReady, obedient, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const node = await cluster.node();
const { agent } = node.node;
const { controlPlane } = cluster.sandbox;
const { signal } = new AbortController();
const directory = node.node.hostPath(STATIC_POD_PATH);
await mkdir(directory, { recursive: true });

t.teardown(async () => {
  await rm(directory, { recursive: true, force: true });
  await controlPlane.ensureStarted({ signal });
  await agent.ensureStarted({ signal });
});

function manifest(name: string, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: cluster.namespace },
    spec: { terminationGracePeriodSeconds: 2, containers: [obedient()], ...spec },
  };
}

function greeting(text: string): object {
  return { containers: [{ ...obedient(), env: [{ name: 'GREETING', value: text }] }] };
}

async function write(file: string, content: object | string): Promise<void> {
  await writeFile(`${directory}/${file}`, typeof content === 'string' ? content : JSON.stringify(content));
}

/** Running containers of the pods with this name, also while there is no API server. */
async function running(name: string): Promise<readonly Container[]> {
  const labelSelector = { 'io.kubernetes.pod.name': name };
  const containers = await node.runtime.listContainers({ labelSelector }, { signal });
  return containers.filter(({ state }) => state === 'CONTAINER_RUNNING');
}

async function untilOneRuns(name: string, not?: string): Promise<Container> {
  return await waitFor(`a container of ${name}`, async () => {
    const [container, ...others] = await running(name);
    return container && others.length === 0 && container.id !== not ? container : undefined;
  });
}

async function untilNoneRuns(name: string): Promise<void> {
  await waitFor(`${name} to end`, async () => (await running(name)).length === 0);
}

// The cluster's guards of the node API need an API server to ask.
const STANDALONE = [
  '--kubeconfig=',
  '--authentication-token-webhook=false',
  '--authorization-mode=AlwaysAllow',
];

interface List {
  readonly items: readonly Pod[];
}

const mirrorOf = (pod: Pod | undefined): string | undefined =>
  pod?.metadata.annotations?.['kubernetes.io/config.mirror'];

t.test('a file makes a pod and its mirror', async t => {
  const startedAtMs = performance.now();
  await write('web.yaml', manifest('web'));
  const mirror = await cluster.untilPod('web-node-1', 'running', isReady);
  t.comment(`${Math.round(performance.now() - startedAtMs)} ms to a mirror that is Ready`);
  t.match(mirror.metadata.annotations, {
    'kubernetes.io/config.source': 'file',
    'kubernetes.io/config.hash': /^[0-9a-f]{32}$/,
    'kubernetes.io/config.mirror': mirror.metadata.annotations?.['kubernetes.io/config.hash'],
  });
  t.match(mirror.metadata.ownerReferences, [{ kind: 'Node', name: 'node-1', controller: true }]);
  t.not(mirror.metadata.uid, mirrorOf(mirror), 'the mirror has a UID of its own');
});

t.test('deleting the mirror makes a new one and touches no container', async t => {
  const before = await cluster.untilRunning('web-node-1');
  const container = await untilOneRuns('web-node-1');
  await cluster.deletePod('web-node-1');
  const after = await cluster.untilPod(
    'web-node-1',
    'made anew',
    pod => pod.metadata.uid !== before.metadata.uid && isReady(pod),
  );
  t.equal(mirrorOf(after), mirrorOf(before));
  t.equal((await untilOneRuns('web-node-1')).id, container.id);
  t.equal(after.status?.startTime, before.status?.startTime);
});

t.test('an edited file replaces the pod; half a file and what editors leave behind do not', async t => {
  const before = await cluster.untilRunning('web-node-1');
  const { id } = await untilOneRuns('web-node-1');
  await write('.web.yaml.swp', 'b0VIM');
  await write('web.yaml~', manifest('web', greeting('backup')));
  const logged = (await agent.readLog()).length;
  await write('web.yaml', '{"apiVersion": "v1", "kind": "Po');
  await waitFor('the half file to be noticed', async () =>
    (await agent.readLog()).slice(logged).includes('its pod stays as it was'),
  );
  t.equal((await untilOneRuns('web-node-1')).id, id, 'the pod stays as it was');
  await write('web.yaml', manifest('web', greeting('hello')));
  const next = await untilOneRuns('web-node-1', id);
  const after = await cluster.untilPod(
    'web-node-1',
    'of the new file',
    pod => mirrorOf(pod) !== mirrorOf(before) && isReady(pod),
  );
  const uid = mirrorOf(after) ?? '';
  t.equal((await node.container(uid, 'main')).id, next.id);
  t.match(await node.exec(uid, 'main', 'env'), /GREETING=hello/);
});

t.test('a manifest that needs an API server is refused with a sentence', async () => {
  const volumes = [{ name: 'v', configMap: { name: 'c' } }];
  const logged = (await agent.readLog()).length;
  await write('refused.yaml', manifest('refused', { volumes }));
  await waitFor('the sentence', async () =>
    (await agent.readLog())
      .slice(logged)
      .includes('static pods may not reference configmaps (via configmap volumes)'),
  );
  await rm(`${directory}/refused.yaml`);
});

t.test('an agent that starts without an API server runs what the files say', async t => {
  await write('goes.yaml', manifest('goes'));
  const kept = await untilOneRuns('web-node-1');
  const restarted = await untilOneRuns('goes-node-1');
  await controlPlane.stop('kube-apiserver', 'SIGKILL');
  await agent.kill();
  await rm(`${directory}/goes.yaml`);
  await write('comes.yaml', manifest('comes', { hostNetwork: true }));
  await agent.ensureStarted({ signal });
  const comes = await untilOneRuns('comes-node-1');
  await untilNoneRuns('goes-node-1');
  t.not(restarted.id, comes.id);
  t.equal((await untilOneRuns('web-node-1')).id, kept.id, 'what ran runs on');

  await controlPlane.ensureStarted({ signal });
  await controlPlane.waitReady({ signal });
  await cluster.untilRunning('comes-node-1');
  await cluster.untilGone('goes-node-1');
  t.equal((await untilOneRuns('comes-node-1')).id, comes.id, 'the API server is told, nothing else');
  t.equal((await untilOneRuns('web-node-1')).id, kept.id);
});

t.test('a URL of pods', async t => {
  await cluster.untilNodeReady();
  const list = { apiVersion: 'v1', kind: 'PodList', items: [manifest('far'), manifest('away')] };
  const served = `${STATIC_POD_PATH}/served`;
  await mkdir(node.node.hostPath(served), { recursive: true });
  await write('served/pods.json', list);
  const httpd = { ...obedient(), command: ['httpd', '-f', '-p', '127.0.0.1:18181', '-h', '/served'] };
  await write(
    'server.yaml',
    manifest('server', {
      hostNetwork: true,
      volumes: [{ name: 'served', hostPath: { path: served } }],
      containers: [{ ...httpd, volumeMounts: [{ name: 'served', mountPath: '/served' }] }],
    }),
  );
  await agent.kill();
  const extraArgs = ['--manifest-url', 'http://127.0.0.1:18181/pods.json', '--http-check-frequency', '500ms'];
  await agent.ensureStarted({ signal, extraArgs });
  const far = await cluster.untilRunning('far-node-1');
  t.equal(far.metadata.annotations?.['kubernetes.io/config.source'], 'http');
  await cluster.untilRunning('away-node-1');
  await write('served/pods.json', { ...list, items: [manifest('far')] });
  await cluster.untilGone('away-node-1');
  t.equal((await cluster.getPod('far-node-1'))?.metadata.uid, far.metadata.uid, 'the other one stays');
  await agent.kill();
  await agent.ensureStarted({ signal });
  await cluster.untilGone('far-node-1');
});

t.test('an agent without a kubeconfig runs static pods, and touches nothing else', async t => {
  const uid = uidOf(await cluster.createRunningPod('of-the-cluster'));
  const other = await node.container(uid, 'main');
  const kept = await untilOneRuns('web-node-1');
  const client = await NodeClient.open(cluster.sandbox);
  t.teardown(() => client.close());
  const admin = client.issue({ commonName: 'root', organizations: ['system:masters'], usages: ['client'] });
  const ask = async (path: string, method = 'GET'): Promise<string> =>
    (await client.ask(path, { client: admin, method })).body;

  await agent.stop();
  await agent.ensureStarted({ signal, extraArgs: STANDALONE });
  await write('alone.yaml', manifest('alone'));
  await untilOneRuns('alone-node-1');
  await rm(`${directory}/server.yaml`);
  await untilNoneRuns('server-node-1');
  const pod = `${cluster.namespace}/alone-node-1`;
  await waitFor('the pod to be Ready', async () =>
    (JSON.parse(await ask('/pods')) as List).items.some(
      item => item.metadata.name === 'alone-node-1' && isReady(item),
    ),
  );
  t.match(await ask(`/containerLogs/${pod}/main`), /ready/);
  t.match(await ask(`/run/${pod}/main?cmd=hostname`, 'POST'), /alone-node-1/);
  t.match(
    await node.run(process.execPath, join(CHECKOUT, 'agent', 'main.ts'), 'status'),
    /ready +✓ yes[^]*API +none: static pods only/,
  );
  t.notMatch(await ask('/metrics'), /rest_client_requests_total\{/, 'nobody is asked for anything');
  t.equal((await untilOneRuns('web-node-1')).id, kept.id, 'what ran runs on');
  t.equal((await node.container(uid, 'main')).id, other.id, 'also what no file asks for');

  const alone = await untilOneRuns('alone-node-1');
  await agent.stop();
  await agent.ensureStarted({ signal });
  await cluster.untilPod('alone-node-1', 'told to the API server', isReady);
  t.equal((await untilOneRuns('alone-node-1')).id, alone.id);
  t.equal((await node.container(uid, 'main')).id, other.id);
});

t.test('removed files end their pods and take the mirrors along', async t => {
  const mirror = await cluster.untilRunning('web-node-1');
  await rm(directory, { recursive: true });
  for (const name of ['web-node-1', 'comes-node-1', 'alone-node-1']) {
    await untilNoneRuns(name);
    await cluster.untilGone(name);
  }
  const uid = mirrorOf(mirror) ?? '';
  await waitFor('nothing to be left of it', async () => {
    const directories = await node.list('/var/lib/kubelet/pods');
    return !directories.includes(uid) && (await node.sandboxes(uid)).length === 0;
  });
  const gone = await cluster.api
    .get(podPath(cluster.namespace, 'web-node-1'), { signal })
    .catch(() => 'gone');
  t.equal(gone, 'gone');
});
