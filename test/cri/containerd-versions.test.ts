// The runtimes that Debian's newer suites have: the walk through CRI with each, then a cluster with a node of each.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { parse, stringify } from 'yaml';
import { timedLog } from '../../hack/sandbox/command.ts';
import { ensureContainerdPackage } from '../../hack/sandbox/containerd-package.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { createSandbox, destroySandbox } from '../../hack/sandbox/sandbox.ts';
import { startAgents } from '../../hack/sandbox/start-agents.ts';
import { isReady, obedient, script, statusOf, TestCluster, uidOf } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

t.setTimeout(300_000);
t.jobs = 2; // the nodes have nothing to do with each other

const SANDBOX = `cri-${process.pid}`;
const runProgram = promisify(execFile);
const { signal } = new AbortController();
const progress = { signal, log: timedLog() };

const RUNTIMES = [
  { suite: 'trixie', version: /^containerd:\/\/v?1\.7\./ },
  { suite: 'sid', version: /^containerd:\/\/v?2\./ },
] as const;
const directories: string[] = [];
for (const { suite } of RUNTIMES) directories.push(await ensureContainerdPackage(suite, progress));

t.teardown(() => destroySandbox(SANDBOX, progress));
const sandbox = await createSandbox(
  { name: SANDBOX, nodeCount: RUNTIMES.length, containerdDirectories: directories },
  progress,
);
// Wrong on purpose where the runtime can tell, which is since 2.0.
await configureDriver('node-2', 'systemd');
await startAgents(sandbox, progress);
process.env['NODELET_TEST_SANDBOX'] = SANDBOX;
const cluster = await TestCluster.open();
t.teardown(() => cluster.close());

for (const [index, { suite, version }] of RUNTIMES.entries()) {
  const nodeName = `node-${index + 1}`;
  t.test(`containerd of ${suite}`, { buffered: true }, async t => {
    const runtime = (await cluster.getNode(nodeName)).status?.nodeInfo?.containerRuntimeVersion ?? '';
    t.match(runtime, version);
    t.comment(runtime);

    t.test('makes the calls of a walk through CRI', async t => {
      const env = { ...process.env, NODELET_CONTAINERD_BIN: directories[index] };
      const file = join(import.meta.dirname, 'runtime-walk.test.ts');
      const result = await runProgram(process.execPath, [file], { env }).catch((error: unknown) => error);
      t.match(result, { stdout: /^# (?:\{ total: \d+, pass: \d+ \}|time=)/m });
      t.notMatch(result, { stdout: /^\s*not ok /m });
    });

    t.test('runs the pods of a Deployment, and they answer', async t => {
      await createDeployment(`web-${suite}`, nodeName);
      await cluster.kubectl('rollout', 'status', `deployment/web-${suite}`, '--timeout=30s');
      const pods = await cluster.listPods(`app=web-${suite}`);
      t.equal(pods.length, 2);
      for (const { spec, status } of pods) {
        t.equal(spec.nodeName, nodeName);
        const node = await cluster.node(nodeName);
        t.match(await node.run('curl', '--silent', `http://${status?.podIP}:8080/`), /\S/);
      }
    });

    t.test('restarts a container that crashes', async t => {
      const name = `crash-${suite}`;
      await cluster.createPod(name, { nodeName, containers: [script('sleep 1; exit 3')] });
      const pod = await cluster.untilPod(name, 'restarted', each =>
        (each.status?.containerStatuses ?? []).some(({ restartCount }) => restartCount >= 1),
      );
      t.match(statusOf(pod), { lastState: { terminated: { exitCode: 3, reason: 'Error' } } });
      await cluster.deletePod(name);
      await cluster.untilGone(name);
    });

    t.test('keeps its containers while the agent or the runtime is killed', async t => {
      await cluster.createPod(`kept-${suite}`, { nodeName, containers: [obedient()] });
      await cluster.untilPod(`kept-${suite}`, 'ready', isReady);
      const before = await containersOn(nodeName);
      t.equal(before.length, 3);
      const { agent, containerd } = sandbox.node(nodeName);
      await agent.kill();
      await agent.ensureStarted({ signal });
      // It has adopted the pods when it can delete one.
      await cluster.deletePod(`kept-${suite}`);
      await cluster.untilGone(`kept-${suite}`);
      const without = before.filter(([name]) => name !== `kept-${suite}`);
      t.strictSame(await containersOn(nodeName), without);

      await containerd.stop('SIGKILL');
      await cluster.untilNodeReady('False', nodeName);
      await containerd.ensureStarted({ signal });
      await cluster.untilNodeReady('True', nodeName);
      t.strictSame(await containersOn(nodeName), without);
    });

    t.test('leaves nothing of a deleted pod', async t => {
      await cluster.kubectl('delete', 'deployment', `web-${suite}`);
      const node = await cluster.node(nodeName);
      await waitFor(
        'the pods to be gone',
        async () => (await cluster.listPods(`app=web-${suite}`)).length === 0,
      );
      // Records stay until the object is gone, then everything goes.
      await waitFor('nothing to be left', async () => (await node.remnants()).length === 0);
      t.strictSame(await node.remnants(), []);
    });

    if (index === 1) {
      t.test('mounts images as volumes; a subPath that it would ignore is refused', async t => {
        const volumes = [{ name: 'image', image: { reference: IMAGES.web, pullPolicy: 'IfNotPresent' } }];
        const mounting = (more: object) => ({
          nodeName,
          volumes,
          containers: [{ ...obedient(), volumeMounts: [{ name: 'image', mountPath: '/image', ...more }] }],
        });
        const pod = await cluster.createPod('image', mounting({}));
        await cluster.untilRunning('image');
        const node = await cluster.node(nodeName);
        t.match(await node.exec(uidOf(pod), 'main', 'ls', '/image'), /\bweb\b/);
        await t.rejects(node.exec(uidOf(pod), 'main', 'touch', '/image/x'), /Read-only file system/);
        await cluster.createPod('image-part', mounting({ subPath: 'proc' }));
        const refused = await cluster.untilPod('image-part', 'refused', each =>
          JSON.stringify(each.status?.containerStatuses ?? []).includes('subPath needs containerd 2.2'),
        );
        t.match(statusOf(refused), { state: { waiting: { reason: 'CreateContainerConfigError' } } });
        for (const name of ['image', 'image-part']) await cluster.deletePod(name, 1);
      });

      t.test('says which cgroup driver it has, and is believed', async t => {
        t.match(await sandbox.node(nodeName).agent.readLog(), "using the runtime's cgroup driver");
        const pod = await cluster.createPod('driver', { nodeName, containers: [obedient()] });
        await cluster.untilRunning('driver');
        const node = await cluster.node(nodeName);
        t.ok((await node.cgroups()).includes(`/kubepods/besteffort/pod${uidOf(pod)}`));
        t.notOk((await node.cgroups()).some(path => path.includes('.slice')));
      });
    }
  });
}

async function configureDriver(nodeName: string, cgroupDriver: string): Promise<void> {
  const path = sandbox.node(nodeName).hostPath('/etc/nodelet/config.yaml');
  const settings: object = parse(await readFile(path, 'utf8'));
  await writeFile(path, stringify({ ...settings, cgroupDriver }));
}

async function createDeployment(name: string, nodeName: string): Promise<void> {
  const labels = { app: name };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': nodeName },
          containers: [{ name: 'web', image: IMAGES.web, ports: [{ containerPort: 8080 }] }],
        },
      },
    },
  };
  await sandbox.kubectl(['--namespace', cluster.namespace, 'apply', '-f', '-'], {
    signal,
    input: JSON.stringify(deployment),
  });
}

/** Name, container ID and restarts of every pod on the node. */
async function containersOn(nodeName: string): Promise<readonly (readonly [string, string, number])[]> {
  const pods = (await cluster.listPods()).filter(({ spec }) => spec.nodeName === nodeName);
  return pods
    .map(pod => {
      const [status] = pod.status?.containerStatuses ?? [];
      return [pod.metadata.name, status?.containerID ?? '', status?.restartCount ?? -1] as const;
    })
    .toSorted(([a], [b]) => a.localeCompare(b));
}
