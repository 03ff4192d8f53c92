// What is wrong around the agent: one clear line each, and the exit code or condition that belongs to it.

import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse, stringify } from 'yaml';
import { CHECKOUT } from '../../hack/sandbox/paths.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  issueCertificate,
  type KeyedCertificate,
} from '../../hack/sandbox/pki/certificate.ts';
import { waitFor } from '../support/wait-for.ts';
import { busyboxContainer, FaultCluster, isRunning, never, readyOf, webContainer } from './fault-cluster.ts';

t.setTimeout(240_000);

const cluster = await FaultCluster.start({ name: process.env['NODELET_TEST_SANDBOX'] ?? 'faults' });
t.teardown(async () => await cluster.stop());
await cluster.removePods();
const { node, sandbox } = cluster;

// All that is awaited outside of a test comes before the first: tap ends when it has none to wait for.
await cluster.startReadyAgent();
await cluster.createPod('kept');
const kept = await cluster.untilRunning('kept');
const kubeconfigPath = node.hostPath('/etc/nodelet/kubeconfig');
const goodKubeconfig = await readFile(kubeconfigPath, 'utf8');
const strangers = await issueStrangers();
await cluster.killAgent();

const MAIN = join(CHECKOUT, 'agent', 'main.ts');
const CONFIG = '/etc/nodelet/config.yaml';
const EXIT_CONFIG = 78;

interface Refusal {
  readonly name: string;
  /** In front of the agent's command. */
  readonly prefix?: readonly string[];
  /** Replaces settings of the node's own configuration; `nodelet` is merged. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly nodelet?: Readonly<Record<string, unknown>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly exitCode: number;
  readonly says: string;
}

const REFUSALS: readonly Refusal[] = [
  {
    name: 'no kubeconfig',
    nodelet: { kubeconfig: undefined },
    exitCode: EXIT_CONFIG,
    says: 'authentication.webhook.enabled: needs an API server: set nodelet.kubeconfig, or for static pods alone say false',
  },
  {
    name: 'a kubeconfig that does not exist',
    nodelet: { kubeconfig: '/etc/nodelet/missing' },
    exitCode: EXIT_CONFIG,
    says: 'kubeconfig /etc/nodelet/missing does not exist',
  },
  {
    name: 'a kubeconfig that is none',
    nodelet: { kubeconfig: '/etc/nodelet/garbage' },
    files: { garbage: 'apiVersion: [' },
    exitCode: EXIT_CONFIG,
    says: 'kubeconfig /etc/nodelet/garbage: not valid YAML',
  },
  {
    name: 'an unknown setting',
    config: { maxPod: 5 },
    exitCode: EXIT_CONFIG,
    says: 'maxPod: unknown key, did you mean maxPods?',
  },
  {
    name: 'a value of the wrong kind',
    config: { maxPods: 'many' },
    exitCode: EXIT_CONFIG,
    says: 'maxPods: expected a whole number, got "many"',
  },
  {
    name: 'a runtime that is no unix socket',
    config: { containerRuntimeEndpoint: 'tcp://127.0.0.1:1234' },
    exitCode: EXIT_CONFIG,
    says: 'containerRuntimeEndpoint: expected a unix socket',
  },
  {
    name: 'a user that is not root',
    prefix: ['setpriv', '--reuid', '65534', '--clear-groups'],
    exitCode: EXIT_CONFIG,
    says: 'nodelet has to run as root',
  },
  {
    name: 'no cgroups',
    prefix: ['unshare', '--mount', 'sh', '-c', 'umount -R /sys/fs/cgroup && exec "$@"', 'sh'],
    exitCode: EXIT_CONFIG,
    says: 'no cgroup file system is mounted',
  },
];

for (const refusal of REFUSALS) {
  await t.test(`${refusal.name}: the agent says so and ends`, async t => {
    const path = await writeConfig(refusal);
    const { prefix = [] } = refusal;
    const [command, ...args] = [...prefix, process.execPath, MAIN, 'run', '--config', path];
    const { exitCode, stdout, stderr } = await node.exec(command, args, {
      signal: AbortSignal.timeout(20_000),
    });
    const complaints = `${stdout}${stderr}`.split('\n').filter(line => line.includes(refusal.says));
    t.equal(complaints.length, 1, `one line: ${stdout}${stderr}`);
    t.equal(exitCode, refusal.exitCode);
  });
}

// ---- The server. The agent goes on trying: what is wrong may be mended without it.

interface Trouble {
  readonly name: string;
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly says: RegExp;
}

const TROUBLES: readonly Trouble[] = [
  {
    name: 'a server that nobody listens as',
    cluster: { server: `https://${sandbox.subnet.controlPlane}:6444` },
    says: /ECONNREFUSED|refused/,
  },
  {
    name: 'the certificate authority of another cluster',
    cluster: { 'certificate-authority-data': base64(strangers.authority) },
    says: /certificate/,
  },
  {
    name: 'a client certificate that has expired',
    user: credentials(strangers.expired),
    says: /expired|Unauthorized/,
  },
  {
    name: 'a user that may do nothing',
    user: credentials(strangers.nobody),
    says: /forbidden|cannot/i,
  },
];

for (const trouble of TROUBLES) {
  await t.test(`${trouble.name}: the agent says so, tries on, and leaves the pods alone`, async t => {
    await cluster.killAgent();
    await writeFile(kubeconfigPath, withChanges(goodKubeconfig, trouble));
    const offset = (await node.agent.readLog()).length;
    await cluster.startAgent();
    await waitFor('it says so', async () => (await complaints(trouble.says, offset)).length > 0, {
      deadlineMs: 30_000,
    });
    const said = await complaints(trouble.says, offset);
    t.comment(said[0] ?? '');
    // One for each thing that cannot be done: registration, lease, an Event, the watches of Services and EndpointSlices.
    t.ok(said.length <= 6, `no flood: ${said.join('\n')}`);
    t.ok(await node.agent.isRunning());
    const { containers } = await cluster.observe(kept.metadata.uid ?? '');
    t.strictSame(
      containers.map(({ state }) => state),
      ['CONTAINER_RUNNING'],
    );

    await writeFile(kubeconfigPath, goodKubeconfig);
    await cluster.killAgent();
    await cluster.startReadyAgent();
    const after = await cluster.untilRunning('kept');
    t.equal(containerID(after), containerID(kept));
  });
}

// ---- The runtime

await t.test('no runtime socket: the node is not Ready and says why; pods run on', async t => {
  await cluster.killAgent();
  const missing = 'unix:///run/containerd/missing.sock';
  await cluster.startAgent({ extraArgs: [`--container-runtime-endpoint=${missing}`] });
  const found = await cluster.untilNode(
    'not Ready',
    node => readyOf(node)?.status === 'False' && (readyOf(node)?.message ?? '').includes('missing.sock'),
  );
  t.match(readyOf(found)?.message, /container runtime is down: .*missing\.sock: there is no such socket/);
  await cluster.killAgent();
  await cluster.startReadyAgent();
  t.equal(containerID(await cluster.untilRunning('kept')), containerID(kept));
});

await t.test(
  'a CNI plugin that is missing: the pod’s event names it, and the pod starts when it is there',
  async () => {
    await cluster.startReadyAgent();
    await node.execOk('sh', ['-c', 'mkdir -p /run/no-cni && mount --bind /run/no-cni /usr/lib/cni'], {
      signal: never,
    });
    try {
      const pod = await cluster.createPod('no-cni');
      // The runtime attaches both networks at once, and tells of the first that fails.
      const message = /failed to find plugin "(?:bridge|loopback)"/;
      await untilEvent(pod.metadata.uid ?? '', 'FailedCreatePodSandBox', message);
    } finally {
      await node.execOk('umount', ['/usr/lib/cni'], { signal: never });
    }
    await cluster.untilRunning('no-cni');
    await cluster.deletePod('no-cni');
  },
);

// ---- Pods

await t.test('an image that does not exist', async t => {
  const containers = [{ ...webContainer('web'), image: 'docker.io/library/nothing:1' }];
  const pod = await cluster.createPod('no-image', { containers });
  const waits = (reason: string) => async (): Promise<void> => {
    await cluster.untilPod('no-image', reason, ({ status }) =>
      (status?.containerStatuses ?? []).some(({ state }) => state.waiting?.reason === reason),
    );
  };
  await waits('ErrImagePull')();
  await waits('ImagePullBackOff')();
  await untilEvent(pod.metadata.uid ?? '', 'Failed', /Failed to pull image "docker\.io\/library\/nothing:1"/);
  await remove(t, 'no-image');
});

await t.test('a command that does not exist', async t => {
  const containers = [{ ...busyboxContainer('main', ''), command: ['/no/such/command'] }];
  const pod = await cluster.createPod('no-command', { containers });
  await untilEvent(pod.metadata.uid ?? '', 'Failed', /no\/such\/command.*no such file or directory/);
  await remove(t, 'no-command');
});

await t.test('a volume of a kind that the agent does not know', async t => {
  const spec = {
    volumes: [{ name: 'far', iscsi: { targetPortal: '10.0.0.1', iqn: 'iqn.2001-04.com.example:x', lun: 0 } }],
  };
  const containers = [{ ...webContainer('web'), volumeMounts: [{ name: 'far', mountPath: '/far' }] }];
  const pod = await cluster.createPod('far-volume', { containers, spec });
  await untilEvent(pod.metadata.uid ?? '', 'FailedMount', /"far"/);
  await remove(t, 'far-volume');
});

await t.test('an environment that refers to what is not there', async t => {
  const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'missing', key: 'a' } } }];
  const pod = await cluster.createPod('no-config', { containers: [{ ...webContainer('web'), env }] });
  await untilEvent(pod.metadata.uid ?? '', 'Failed', /missing/);
  await cluster.untilPod('no-config', 'CreateContainerConfigError', ({ status }) =>
    (status?.containerStatuses ?? []).some(
      ({ state }) => state.waiting?.reason === 'CreateContainerConfigError',
    ),
  );
  await remove(t, 'no-config');
});

async function remove(t: Test, name: string): Promise<void> {
  const uid = (await cluster.getPod(name))?.metadata.uid ?? '';
  await cluster.deletePod(name);
  await cluster.untilGone(name);
  await cluster.untilClean([uid]);
  // Whatever was wrong with it, the others live.
  t.ok(isRunning(await cluster.untilRunning('kept')));
}

async function untilEvent(podUID: string, reason: string, message: RegExp): Promise<void> {
  let seen: readonly string[] = [];
  const look = async (): Promise<boolean> => {
    const events = await cluster.events(podUID);
    seen = events.map(event => `${event.reason}: ${event.message}`);
    return events.some(event => event.reason === reason && message.test(event.message));
  };
  await waitFor(`event ${reason}`, look, { deadlineMs: 30_000 }).catch(() => {
    throw new Error(`no event ${reason} ${String(message)} among:\n${seen.join('\n')}`);
  });
}

async function complaints(says: RegExp, offset: number): Promise<readonly string[]> {
  const lines = (await node.agent.readLog()).slice(offset).split('\n');
  return lines.filter(line => /"level":"(?:warn|error)"/.test(line) && says.test(line));
}

async function writeConfig({ config = {}, nodelet = {}, files = {} }: Refusal): Promise<string> {
  // Written by the sandbox, so its form is known.
  const own = parse(await readFile(node.hostPath(CONFIG), 'utf8')) as Record<string, unknown> & {
    nodelet: object;
  };
  const merged = { ...own, ...config, nodelet: { ...own.nodelet, ...nodelet } };
  await writeFile(node.hostPath('/etc/nodelet/bad.yaml'), stringify(merged));
  for (const [name, text] of Object.entries(files))
    await writeFile(node.hostPath(`/etc/nodelet/${name}`), text);
  return '/etc/nodelet/bad.yaml';
}

function withChanges(kubeconfig: string, { cluster, user }: Trouble): string {
  // The sandbox's own file again.
  const config = parse(kubeconfig) as { clusters: [{ cluster: object }]; users: [{ user: object }] };
  Object.assign(config.clusters[0].cluster, cluster);
  Object.assign(config.users[0].user, user);
  return stringify(config);
}

/** Certificates that the sandbox has no use for. */
async function issueStrangers(): Promise<{
  readonly authority: string;
  readonly expired: KeyedCertificate;
  readonly nobody: KeyedCertificate;
}> {
  const read = async (name: string): Promise<string> => await readFile(join(sandbox.paths.pki, name), 'utf8');
  const authority: CertificateAuthority = {
    name: new X509Certificate(await read('ca.crt')).subject.replace(/^CN=/, ''),
    certificate: await read('ca.crt'),
    key: await read('ca.key'),
  };
  const asNode = {
    commonName: `system:node:${node.name}`,
    organizations: ['system:nodes'],
    usages: ['client'],
  } as const;
  const hourMs = 3_600_000;
  return {
    authority: createCertificateAuthority('stranger').certificate,
    expired: issueCertificate(authority, {
      ...asNode,
      notBefore: new Date(Date.now() - 2 * hourMs),
      notAfter: new Date(Date.now() - hourMs),
    }),
    nobody: issueCertificate(authority, { commonName: 'nobody', usages: ['client'] }),
  };
}

function credentials({ certificate, key }: KeyedCertificate): Record<string, string> {
  return { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function containerID(pod: typeof kept): string | undefined {
  return pod.status?.containerStatuses?.[0]?.containerID;
}
