// The package on a machine that has Debian's own packages and nothing of ours: installed, joined, upgraded, purged.
import { join as joinPath } from 'node:path';
import t from 'tap';
import { pinsOf } from '../../agent/join/join-token.ts';
import { timedLog } from '../../hack/sandbox/command.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { CHECKOUT } from '../../hack/sandbox/paths.ts';
import { ensureClusterPki } from '../../hack/sandbox/pki/cluster-pki.ts';
import { runOk } from '../../hack/sandbox/run.ts';
import { createSandbox, destroySandbox } from '../../hack/sandbox/sandbox.ts';
import { waitFor } from '../support/wait-for.ts';
import { ensureDebianTree } from './debian-tree.ts';
import { Machine, PACKAGES } from './machine.ts';

t.setTimeout(300_000);

const SANDBOX = `pkg-${process.pid}`;
const TOKEN = 'abcdef.0123456789abcdef';
const { signal } = new AbortController();
const progress = { signal, log: timedLog() };
const tree = await ensureDebianTree(progress);
t.teardown(async () => {
  if (!t.passing()) t.comment(await sh('journalctl -u nodelet -n 100 || true'));
  await destroySandbox(SANDBOX, progress);
});
const sandbox = await createSandbox({ name: SANDBOX, nodeCount: 1 }, progress);
const packages = joinPath(sandbox.paths.root, 'packages');
await runOk(joinPath(CHECKOUT, 'hack', 'package'), ['--out', packages, '--quick'], { signal });
const node = sandbox.node();
const machine = await Machine.boot(node, tree, { signal, packages });
progress.log('machine has booted');

t.test('it installs on a plain Debian and waits to be joined', async t => {
  const before = await listFiles();
  await sh(`DEBIAN_FRONTEND=noninteractive apt-get install --yes ${PACKAGES}/*.deb`);
  t.equal((await sh('systemctl is-enabled nodelet')).trim(), 'enabled');
  t.match(await sh('systemctl status nodelet || true'), /inactive/);
  t.match(await sh('nodelet version'), /^nodelet \d/);
  t.match(await sh('nodelet doctor; true'), /this machine is no node yet/);

  await sh('DEBIAN_FRONTEND=noninteractive apt-get purge --yes nodelet');
  t.strictSame(
    (await listFiles()).filter(path => !before.includes(path)),
    [],
    'a purge leaves nothing',
  );
  await sh(`DEBIAN_FRONTEND=noninteractive apt-get install --yes ${PACKAGES}/*.deb`);
});

t.test('nodelet join makes the machine a Ready node', async t => {
  await create(tokenSecret());
  await waitFor('the token to be signed', async () => {
    const args = ['get', 'configmap', 'cluster-info', '-n', 'kube-public', '-o', 'jsonpath={.data}'];
    return (await sandbox.kubectl(args, { signal })).includes('jws-kubeconfig-abcdef');
  });
  await sh("echo 'cgroupDriver: systemd' >> /etc/nodelet/config.yaml");
  t.match(await join(), /joined .* as node-1/);
  await sandbox.kubectl(['wait', '--for=create', 'node/node-1', '--timeout=30s'], { signal });
  await sandbox.kubectl(['wait', '--for=condition=Ready', 'node/node-1', '--timeout=30s'], { signal });
  t.equal((await sh('systemctl is-active nodelet')).trim(), 'active');
});

t.test('an upgrade restarts the agent and nothing else', async t => {
  const pid = (await sh('systemctl show --value -p MainPID nodelet')).trim();
  await sh(`DEBIAN_FRONTEND=noninteractive apt-get install --yes --reinstall ${PACKAGES}/*.deb`);
  await waitFor(
    'the service',
    async () => (await sh('systemctl is-active nodelet || true')).trim() === 'active',
  );
  t.not((await sh('systemctl show --value -p MainPID nodelet')).trim(), pid);
  t.match(await sh('cat /etc/nodelet/config.yaml'), 'cgroupDriver: systemd', 'the configuration stays');
});

t.test('nodelet leave moves the pods away and takes the node down', async t => {
  const container = {
    name: 'main',
    image: IMAGES.busybox,
    imagePullPolicy: 'Never',
    command: ['sleep', '1000'],
  };
  const spec = { nodeName: 'node-1', terminationGracePeriodSeconds: 0, containers: [container] };
  const metadata = { name: 'guest', labels: { app: 'guest' } };
  await create({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
  await sandbox.kubectl(['wait', '--for=condition=Ready', 'pod/guest', '--timeout=30s'], { signal });
  const budget = { minAvailable: 1, selector: { matchLabels: { app: 'guest' } } };
  await create({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'guest' },
    spec: budget,
  });
  const refused = await sh('nodelet leave --timeout 2s 2>&1 || echo exit $?');
  t.match(
    refused,
    /still on this node: default\/guest \(.*disruption budget.*\); nothing was removed.*\nexit 69/,
  );
  t.equal((await sh('systemctl is-active nodelet')).trim(), 'active');
  await sandbox.kubectl(['delete', 'pdb', 'guest'], { signal });
  t.match(await sh('nodelet leave --timeout 30s'), /no node any more/);
  t.equal(await sandbox.kubectl(['get', 'pods'], { signal }), '', 'the pod was evicted');
  t.equal((await sh('ctr -n k8s.io containers list -q')).trim(), '');
  t.equal(await sh('ls /var/lib/kubelet/pki; iptables-save | grep -c KUBE || true'), '0\n');
  t.equal(
    await sh('ls -A /var/log/pods; ls -A /var/log/containers; ls /sys/class/net | grep cni0 || true'),
    '',
  );
  t.match(await sh('nodelet doctor; true'), /this machine is no node yet/);
  const again = await sh('nodelet leave');
  t.match(again, /no node any more/, 'it may be said again');
  t.notMatch(again, ': removed');
});

t.test('a purge of a node that has left and joined again leaves nothing', async t => {
  await sandbox.kubectl(['delete', 'node', 'node-1', '--ignore-not-found'], { signal });
  t.match(await join(), /joined .* as node-1/);
  await sandbox.kubectl(['wait', '--for=create', 'node/node-1', '--timeout=30s'], { signal });
  await sandbox.kubectl(['wait', '--for=condition=Ready', 'node/node-1', '--timeout=30s'], { signal });
  await sh('nodelet leave --no-drain');
  await sh('DEBIAN_FRONTEND=noninteractive apt-get purge --yes nodelet');
  const left = await sh(
    'ls -d /etc/nodelet /var/lib/nodelet /var/lib/kubelet/* /run/nodelet /usr/lib/nodelet /usr/bin/nodelet 2>/dev/null || true',
  );
  t.equal(left, '');
});

async function create(object: object): Promise<void> {
  await sandbox.kubectl(['create', '-f', '-'], { signal, input: JSON.stringify(object) });
}

/** The line that `kubeadm token create --print-join-command` prints, as the README's step says it. */
async function join(): Promise<string> {
  const { authority } = await ensureClusterPki(sandbox.paths.pki, sandbox.subnet.controlPlane);
  const hash = `sha256:${pinsOf(authority.certificate)[0]}`;
  return await sh(
    `nodelet join ${sandbox.server} --token ${TOKEN} --discovery-token-ca-cert-hash ${hash} --node-ip ${node.address}`,
  );
}

function tokenSecret(): object {
  const [id = '', secret = ''] = TOKEN.split('.');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': secret,
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
    },
  };
}

/** What belongs to nobody but us: neither dpkg's own books nor what runs meanwhile. */
async function listFiles(): Promise<readonly string[]> {
  const places = '/etc /usr /opt /var/lib/nodelet /var/cache/nodelet /var/lib/kubelet /run/nodelet';
  const listed = await sh(`find ${places} -xdev -not -path '${PACKAGES}*' 2>/dev/null || true`);
  return listed.split('\n').filter(path => path !== '');
}

async function sh(script: string): Promise<string> {
  return await machine.run('sh', ['-c', script], { signal });
}
