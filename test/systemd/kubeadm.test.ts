// The real kubeadm makes a cluster of two machines where nodelet stands in the kubelet's place: the control plane itself
// runs as static pods of nodelet, and no node has another agent.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { KUBERNETES_VERSION } from '../../agent/config/version.ts';
import { timedLog } from '../../hack/sandbox/command.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { CHECKOUT } from '../../hack/sandbox/paths.ts';
import { runOk } from '../../hack/sandbox/run.ts';
import { createSandbox, destroySandbox } from '../../hack/sandbox/sandbox.ts';
import { waitFor } from '../support/wait-for.ts';
import { ensureDebianTree } from './debian-tree.ts';
import { COMPONENTS, writeKubeadmFiles } from './kubeadm-files.ts';
import { writeKubeletPackage } from './kubelet-package.ts';
import { Machine, PACKAGES } from './machine.ts';

t.setTimeout(400_000);

const SANDBOX = `kadm-${process.pid}`;
const INSTALL = 'DEBIAN_FRONTEND=noninteractive apt-get install --yes';
const PREPARE = `${INSTALL} ${PACKAGES}/nodelet_*.deb
for name in kubeadm kubectl; do ln -s ${PACKAGES}/control-plane /usr/local/bin/$name; done`;
const { signal } = new AbortController();
const progress = { signal, log: timedLog() };
const tree = await ensureDebianTree(progress);
t.teardown(async () => {
  if (!t.passing()) t.comment(await sh('journalctl -u kubelet -n 60 || true'));
  await destroySandbox(SANDBOX, progress);
});
const sandbox = await createSandbox({ name: SANDBOX, nodeCount: 2 }, progress);
const packages = join(sandbox.paths.root, 'packages');
await mkdir(packages);
await runOk(join(CHECKOUT, 'hack', 'package'), ['--out', packages, '--quick'], { signal });
await writeKubeadmFiles(packages, progress);
await writeKubeletPackage(packages, join(packages, 'control-plane'), progress);
const [machine, second] = await Promise.all([bootMachine('node-1'), bootMachine('node-2')]);
progress.log('two machines have booted and have the package');

t.test('kubeadm init works unchanged', async t => {
  await sh(`ctr -n k8s.io images import ${PACKAGES}/images.tar`);
  t.match(await sh('kubelet --version'), /^Kubernetes v1\.36/);
  const flags = [
    '--kubernetes-version=v1.36.4',
    `--apiserver-advertise-address=${sandbox.node().address}`,
    '--pod-network-cidr=10.244.0.0/16',
    '--ignore-preflight-errors=all', // cgroup version 1, and no kernel configuration to read
    '--skip-phases=addon/coredns,addon/kube-proxy', // nodelet is the service proxy, and CoreDNS has no image here
  ];
  t.match(await sh(`kubeadm init ${flags.join(' ')} 2>&1`), 'control-plane has initialized successfully');
  progress.log('kubeadm init is done');
  await kubectl('wait --for=condition=Ready node/node-1 --timeout=60s');
  for (const name of COMPONENTS) {
    await kubectl(`-n kube-system wait --for=condition=Ready pod/${name}-node-1 --timeout=60s`);
  }
  t.match(await kubectl('get nodes'), /node-1 +Ready +control-plane/);
  t.match(await kubectl('get node node-1 -o jsonpath={.status.nodeInfo.kubeletVersion}'), /nodelet/);
});

t.test('kubeadm join adds a second machine, and a Service reaches its pod', async t => {
  const line = (await sh('kubeadm token create --print-join-command')).trim();
  t.match(await sh(`${line} --ignore-preflight-errors=all 2>&1`, second), 'This node has joined the cluster');
  await kubectl('wait --for=create node/node-2 --timeout=30s');
  await kubectl('wait --for=condition=Ready node/node-2 --timeout=60s');
  t.match(await sh('ls /var/lib/kubelet/pki', second), 'kubelet-client-current.pem');

  await kubectl(
    'create clusterrolebinding nodelet:node-proxier --clusterrole=system:node-proxier --group=system:nodes',
  );
  await kubectl(`run web --image=${IMAGES.web} --image-pull-policy=Never --port=8080 --expose`);
  await kubectl('wait --for=condition=Ready pod/web --timeout=60s');
  t.equal(await kubectl('get pod web -o jsonpath={.spec.nodeName}'), 'node-2');
  const address = await kubectl('get service web -o jsonpath={.spec.clusterIP}');
  const script = `fetch('http://${address}:8080').then(answer => console.log(answer.status))`;
  const answered = await waitFor('the Service to answer on the other machine', async () => {
    const status = (await sh(`/usr/lib/nodelet/node -e "${script}"`)).trim();
    return status !== '' && status;
  });
  t.equal(answered, '200');
});

t.test(
  'the kubelet comes in the place of nodelet by apt, and nodelet in its place, and no container notices',
  async t => {
    const tasks = await listTasks();
    t.not(tasks, '');
    // What this machine, and not the kubelet, is to blame for.
    await sh('mknod /dev/kmsg c 1 11', second);
    await sh("echo 'KUBELET_EXTRA_ARGS=--fail-cgroupv1=false' > /etc/default/kubelet", second);
    await sh(`${INSTALL} ${PACKAGES}/kubelet.deb && systemctl enable --now kubelet`, second);
    await untilAgent(version => version === KUBERNETES_VERSION);
    await sh('dpkg --purge nodelet', second);
    t.match(
      await sh('ls /var/lib/kubelet/pki', second),
      'kubelet-client-current.pem',
      'the kubelet needs it',
    );
    t.match(await sh('systemctl is-enabled kubelet', second), 'enabled');
    t.equal(await listTasks(), tasks);

    await sh(`dpkg-deb --extract ${PACKAGES}/nodelet_*.deb /root/look`, second);
    const plan = await sh('/root/look/usr/bin/nodelet plan', second);
    t.match(plan, 'kubelet runs now');
    t.match(plan, 'No container restarts or ends.');
    await sh(`${INSTALL} ${PACKAGES}/nodelet_*.deb`, second);
    await untilAgent(version => version.includes('nodelet'));
    t.match(await sh('nodelet status', second), /1 Running/);
    t.equal(await listTasks(), tasks);
  },
);

async function listTasks(): Promise<string> {
  return await sh('ctr -n k8s.io tasks list -q | sort', second);
}

/** The Node of the second machine tells whose it is. */
async function untilAgent(isIt: (version: string) => boolean): Promise<void> {
  await waitFor('the other agent', async () =>
    isIt(await kubectl('get node node-2 -o jsonpath={.status.nodeInfo.kubeletVersion}')),
  );
  await kubectl('wait --for=condition=Ready node/node-2 --timeout=30s');
}

async function kubectl(args: string): Promise<string> {
  return await sh(`kubectl --kubeconfig /etc/kubernetes/admin.conf ${args}`);
}

async function bootMachine(name: string): Promise<Machine> {
  const booted = await Machine.boot(sandbox.node(name), tree, { signal, packages });
  await booted.run('sh', ['-c', PREPARE], { signal });
  return booted;
}

async function sh(script: string, where = machine): Promise<string> {
  return await where.run('sh', ['-c', script], { signal });
}
