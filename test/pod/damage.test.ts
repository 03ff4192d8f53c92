// What somebody breaks below a running pod is whole again when its next container runs.
import t from 'tap';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { obedient, statusOf, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const HOST_PORT = 8066;
const { signal } = new AbortController();
const cluster = await useCluster(t);
const node = await cluster.node();
const { address } = node.node;
const web = { name: 'main', image: IMAGES.web, args: ['-listen', ':8080'] };

async function isAnswering(): Promise<boolean> {
  const ask = `curl -s -m 1 -o /dev/null -w '%{http_code}' http://${address}:${HOST_PORT}/ || true`;
  return (await node.shell(ask)) === '200';
}

async function untilRestarted(name: string): Promise<void> {
  await cluster.untilPod(name, 'its next container', pod => {
    const { restartCount, state } = statusOf(pod);
    return restartCount === 1 && state.running !== undefined;
  });
}

t.test('a sandbox that is killed leaves no rule for its host port before the next one’s', async t => {
  const ports = [{ containerPort: 8080, hostPort: HOST_PORT, protocol: 'TCP' }];
  await cluster.createPod('host-port', { containers: [{ ...web, ports }] });
  const pod = await cluster.untilRunning('host-port');
  await waitFor('the host port', isAnswering);
  const [sandbox] = await node.sandboxes(uidOf(pod));
  await node.node.containerd.ctr(['tasks', 'kill', '--signal', 'SIGKILL', sandbox?.id ?? ''], { signal });
  await untilRestarted('host-port');
  await waitFor('the host port of the new sandbox', isAnswering);
  const rules = await node.shell(`iptables-save -t nat | grep -c "dport ${HOST_PORT} -j DNAT"`);
  t.equal(rules.trim(), '1');
});

t.test('volumes that were unmounted, and directories that were removed, are there again', async t => {
  await cluster.create('secrets', 'creds', { stringData: { password: 's3cret' } });
  const volumeMounts = [{ name: 'creds', mountPath: '/creds' }];
  await cluster.createPod('damaged', {
    containers: [{ ...obedient(), volumeMounts }],
    volumes: [{ name: 'creds', secret: { secretName: 'creds' } }],
  });
  const pod = await cluster.untilRunning('damaged');
  const directory = `/var/lib/kubelet/pods/${uidOf(pod)}`;
  const volume = `${directory}/volumes/kubernetes.io~secret/creds`;
  await node.shell(`umount ${volume} && rm -r ${volume} ${directory}/etc-hosts`);
  const { id } = await node.container(uidOf(pod), 'main');
  await node.runtime.stopContainer(id, 0, { signal });
  await untilRestarted('damaged');
  t.equal(await node.shell(`cat ${volume}/password`), 's3cret');
  t.match(await node.shell(`grep ' ${volume} ' /proc/mounts`), 'tmpfs');
});
