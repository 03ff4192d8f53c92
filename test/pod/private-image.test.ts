// Private images: a registry on the node that asks for a password, pods with and without it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { stringify } from 'yaml';
import type { PodSpec } from '../../agent/api/objects.ts';
import { writeRegistryStore } from '../../hack/e2e/registry-store.ts';
import { buildImages } from '../../hack/sandbox/image-archive.ts';
import { writeNodeFile } from '../../hack/sandbox/node.ts';
import { statusOf, useCluster } from '../support/cluster.ts';

const ADDRESS = '127.0.0.1:5590';
// A name of its own for each run: what one run may use is remembered on a sandbox that stays.
const IMAGE = `${ADDRESS}/team/private-${Date.now()}:1`;
const USER = 'reader';
const PASSWORD = 'pull';
// crypt(3) of the password, in bcrypt's form, which is all that the registry takes.
const HTPASSWD = `${USER}:$2y$05$abcdefghijklmnopqrstuumX/UcYPuC1he88jUne9Jeh/nE4LKq6K\n`;

const cluster = await useCluster(t);
const { node } = await cluster.node();
const busybox = await readFile('/bin/busybox');
const files = [{ kind: 'file' as const, path: 'bin/busybox', content: busybox, mode: 0o755 }];
const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
const store = '/etc/nodelet/private-registry';
await writeRegistryStore(node.hostPath(store), buildImages([{ names: [IMAGE], files }], architecture));
await writeNodeFile(node, `${store}/htpasswd`, HTPASSWD);
const config = {
  version: '0.1',
  storage: { filesystem: { rootdirectory: store } },
  http: { addr: ADDRESS },
  auth: { htpasswd: { realm: 'private', path: `${store}/htpasswd` } },
};
await writeNodeFile(node, `${store}/config.yaml`, stringify(config));
const { signal } = new AbortController();
const logPath = join(node.directory, 'logs', 'private-registry.log');
const args = ['serve', `${store}/config.yaml`];
await node.holder.startDaemon('private-registry', 'docker-registry', args, { logPath, signal });
t.teardown(() => node.holder.endDaemon('private-registry', 'SIGKILL'));

const auth = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
const dockerconfigjson = Buffer.from(JSON.stringify({ auths: { [ADDRESS]: { auth } } })).toString('base64');
await cluster.create('secrets', 'pull', {
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': dockerconfigjson },
});
const spec = (more: Partial<PodSpec> = {}) => ({
  containers: [
    {
      name: 'main',
      image: IMAGE,
      imagePullPolicy: 'IfNotPresent',
      command: ['/bin/busybox', 'sleep', '1000'],
    },
  ],
  terminationGracePeriodSeconds: 0,
  nodeName: 'node-1',
  ...more,
});

await t.test('without a credential the pull is refused', async () => {
  const pod = await cluster.createPod('stranger', spec({ imagePullSecrets: [{ name: 'not-there' }] }));
  await cluster.untilEvent(pod, 'FailedToRetrieveImagePullSecret', /image pull secrets \(not-there\)/);
  await cluster.untilEvent(pod, 'Failed', new RegExp(`^Failed to pull image "${IMAGE}": `));
  await cluster.untilPod('stranger', 'an image error', pod =>
    /^(ErrImagePull|ImagePullBackOff)$/.test(statusOf(pod).state.waiting?.reason ?? ''),
  );
  await cluster.deletePod('stranger', 0);
});

await t.test('with the secret it works', async () => {
  await cluster.createPod('owner', spec({ imagePullSecrets: [{ name: 'pull' }] }));
  await cluster.untilRunning('owner');
});

await t.test('who has no secret may not use what others pulled', async () => {
  const pod = await cluster.createPod('guest', spec());
  await cluster.untilEvent(pod, 'Failed', new RegExp(`^Failed to pull image "${IMAGE}": `));
  await cluster.createPod('other-owner', spec({ imagePullSecrets: [{ name: 'pull' }] }));
  await cluster.untilRunning('other-owner');
});

await t.test('the credential of the node is for everybody', async t => {
  const path = '/var/lib/kubelet/config.json';
  await writeNodeFile(node, path, JSON.stringify({ auths: { [ADDRESS]: { auth } } }));
  t.teardown(() => node.execOk('rm', [path], { signal }));
  await cluster.createPod('member', spec());
  await cluster.untilRunning('member');
});
