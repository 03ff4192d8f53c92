// What a process in a container finds around it: arguments, variables, users, files, names and networks.
import t from 'tap';
import type { Container, Pod, PodSpec } from '../../agent/api/objects.ts';
import { CLUSTER_DNS, CLUSTER_DOMAIN } from '../../hack/sandbox/control-plane-flags.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { obedient, uidOf, useCluster } from '../support/cluster.ts';

const cluster = await useCluster(t);
const node = await cluster.node();

async function start(name: string, container: Partial<Container>, spec: Partial<PodSpec> = {}): Promise<Pod> {
  await cluster.createPod(name, { ...spec, containers: [{ ...obedient(), ...container }] });
  return await cluster.untilRunning(name);
}

async function inside(pod: Pod, ...command: string[]): Promise<string> {
  return await node.exec(uidOf(pod), 'main', ...command);
}

async function logOf(pod: Pod): Promise<string> {
  const log = await node.readFile(
    `/var/log/pods/${cluster.namespace}_${pod.metadata.name}_${uidOf(pod)}/main/0.log`,
  );
  return log.replaceAll(/^\S+ std\w+ F /gm, '');
}

t.test('variables: values, references, objects, fields', async t => {
  await cluster.create('configmaps', 'settings', { data: { color: 'green', size: 'XL' } });
  await cluster.create('secrets', 'creds', { stringData: { password: 's3cret' } });
  const pod = await start('variables', {
    envFrom: [
      { prefix: 'CFG_', configMapRef: { name: 'settings' } },
      { secretRef: { name: 'none', optional: true } },
    ],
    env: [
      { name: 'FIRST', value: 'one' },
      { name: 'SECOND', value: '$(FIRST)-two-$(CFG_color)' },
      { name: 'LITERAL', value: '$$(FIRST) $(UNKNOWN)' },
      { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'creds', key: 'password' } } },
      { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'ABSENT', valueFrom: { configMapKeyRef: { name: 'settings', key: 'none', optional: true } } },
    ],
    resources: { limits: { cpu: '1500m' } },
  });
  const variables = Object.fromEntries(
    (await inside(pod, 'env')).split('\n').map(line => line.split(/=(.*)/s).slice(0, 2)),
  );
  t.match(variables, {
    FIRST: 'one',
    SECOND: 'one-two-green',
    LITERAL: '$(FIRST) $(UNKNOWN)',
    CFG_color: 'green',
    CFG_size: 'XL',
    PASSWORD: 's3cret',
    NODE: 'node-1',
    POD_IP: pod.status?.podIP,
    CPU: '2',
    HOSTNAME: 'variables',
  });
  t.notOk('ABSENT' in variables);
});

t.test('command and arguments', async t => {
  const env = [{ name: 'WHO', value: 'world' }];
  const container = { command: ['echo', '$(WHO)'], args: ['$$(WHO)', 'a  b', '$(NOBODY)'], env };
  await cluster.createPod('arguments', { restartPolicy: 'Never', containers: [container] });
  const pod = await cluster.untilPhase('arguments', 'Succeeded');
  t.equal(await logOf(pod), 'world $(WHO) a  b $(NOBODY)\n');
});

t.test("the image's own entrypoint and its own user", async t => {
  await cluster.createPod('entrypoint', { containers: [{ image: IMAGES.web }] });
  const pod = await cluster.untilRunning('entrypoint');
  t.match(await logOf(pod), /^nodelet-web 1 on :8080\n/);
});

t.test('users and groups', async t => {
  const pod = await start(
    'users',
    { securityContext: { runAsUser: 1234 } },
    { securityContext: { runAsUser: 1, runAsGroup: 2345, supplementalGroups: [77], fsGroup: 88 } },
  );
  t.match(await inside(pod, 'id'), /^uid=1234 gid=2345 groups=(?=.*\b77\b)(?=.*\b88\b)/);
});

t.test('a non-root pod does not run as root', async t => {
  const securityContext = { runAsNonRoot: true };
  const pod = await cluster.createPod('non-root', { securityContext, containers: [{}] });
  const { message } = await cluster.untilEvent(pod, 'Failed', /^Error: container has runAsNonRoot/);
  t.match(message, /and image will run as root \(pod: "non-root_/);
});

t.test('/etc/hosts of a pod, with aliases', async t => {
  const hostAliases = [{ ip: '123.45.67.89', hostnames: ['foo', 'bar'] }];
  const pod = await start('hosts', {}, { hostAliases, subdomain: 'sub' });
  const domain = `hosts.sub.${cluster.namespace}.svc.${CLUSTER_DOMAIN}`;
  t.same((await inside(pod, 'cat', '/etc/hosts')).split('\n'), [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    `${pod.status?.podIP ?? ''}\t${domain}\thosts`,
    '',
    '# Entries added by HostAliases.',
    '123.45.67.89\tfoo\tbar',
    '',
  ]);
  t.equal((await inside(pod, 'hostname')).trim(), 'hosts');
});

t.test('host names', async t => {
  const named = await start('names', {}, { hostname: 'custom' });
  t.equal((await inside(named, 'hostname')).trim(), 'custom');
  const full = await start('full', {}, { subdomain: 'sub', setHostnameAsFQDN: true });
  t.equal((await inside(full, 'hostname')).trim(), `full.sub.${cluster.namespace}.svc.${CLUSTER_DOMAIN}`);
});

async function resolvConf(name: string, spec: Partial<PodSpec>): Promise<readonly string[]> {
  const pod = await start(name, {}, spec);
  return (await inside(pod, 'cat', '/etc/resolv.conf')).trim().split('\n').toSorted();
}

t.test('/etc/resolv.conf by dnsPolicy', async t => {
  const ofNode = (await node.run('cat', '/etc/resolv.conf')).trim().split('\n').toSorted();
  const searches = `${cluster.namespace}.svc.${CLUSTER_DOMAIN} svc.${CLUSTER_DOMAIN} ${CLUSTER_DOMAIN}`;
  t.same(await resolvConf('dns-cluster', {}), [
    `nameserver ${CLUSTER_DNS}`,
    'options ndots:5',
    `search ${searches} sandbox.internal`,
  ]);
  t.same(await resolvConf('dns-default', { dnsPolicy: 'Default' }), ofNode);
  t.same(await resolvConf('dns-host', { hostNetwork: true }), ofNode);
  const dnsConfig = {
    nameservers: ['192.0.2.1'],
    searches: ['example.org'],
    options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
  };
  const none = await resolvConf('dns-none', { dnsPolicy: 'None', dnsConfig });
  t.equal(none[0], 'nameserver 192.0.2.1');
  t.match(none[1], /^options (ndots:2 edns0|edns0 ndots:2)$/);
  t.equal(none[2], 'search example.org');
});

t.test('the host network', async t => {
  const pod = await start('host-network', {}, { hostNetwork: true });
  t.equal(pod.status?.podIP, pod.status?.hostIP);
  t.equal((await inside(pod, 'hostname')).trim(), 'node-1');
  t.equal(
    await inside(pod, 'readlink', '/proc/self/ns/net'),
    await node.run('readlink', '/proc/self/ns/net'),
  );
  const hosts = await inside(pod, 'cat', '/etc/hosts');
  t.ok(hosts.startsWith('# Kubernetes-managed hosts file (host network).\n'));
  t.ok(hosts.includes(await node.run('cat', '/etc/hosts')));
});

t.test('volumes: emptyDir, configMap, secret and the service account', async t => {
  const volumes = [
    { name: 'scratch', emptyDir: {} },
    { name: 'config', configMap: { name: 'settings' } },
    { name: 'secret', secret: { secretName: 'creds' } },
  ];
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
  const pod = await start('volumes', { volumeMounts }, { volumes });
  t.equal(await inside(pod, 'cat', '/config/color'), 'green');
  t.equal(await inside(pod, 'cat', '/secret/password'), 's3cret');
  t.match(await inside(pod, 'grep', ' /secret ', '/proc/mounts'), /^tmpfs \/secret tmpfs /);
  await inside(pod, 'touch', '/scratch/written');
  t.same(await node.list(`/var/lib/kubelet/pods/${uidOf(pod)}/volumes/kubernetes.io~empty-dir/scratch`), [
    'written',
  ]);
  const account = '/var/run/secrets/kubernetes.io/serviceaccount';
  t.equal(await inside(pod, 'cat', `${account}/namespace`), cluster.namespace);
  t.match(await inside(pod, 'cat', `${account}/ca.crt`), /^-----BEGIN CERTIFICATE-----/);
  const claims = (await inside(pod, 'cat', `${account}/token`)).split('.')[1] ?? '';
  t.match(JSON.parse(Buffer.from(claims, 'base64url').toString()), {
    sub: `system:serviceaccount:${cluster.namespace}:default`,
    'kubernetes.io': { pod: { name: 'volumes', uid: uidOf(pod) } },
  });
});
