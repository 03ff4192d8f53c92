// W5, Secrets and ConfigMaps as files: what ls, mount and the environment show, and a change that is there at once.
import t from 'tap';
import { obedient, uidOf, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);
const node = await cluster.node();

await cluster.create('secrets', 'creds', { stringData: { password: 's3cret' } });
await cluster.create('configmaps', 'settings', { data: { colour: 'blue', size: 'L' } });
const main = {
  ...obedient(),
  env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'creds', key: 'password' } } }],
  volumeMounts: [
    { name: 'creds', mountPath: '/creds' },
    { name: 'settings', mountPath: '/settings' },
    { name: 'settings', mountPath: '/colour', subPath: 'colour' },
  ],
};
await cluster.createPod('files', {
  containers: [main],
  volumes: [
    { name: 'creds', secret: { secretName: 'creds' } },
    { name: 'settings', configMap: { name: 'settings' } },
  ],
});
const pod = await cluster.untilRunning('files');
const exec = (...command: string[]): Promise<string> => node.exec(uidOf(pod), 'main', ...command);
const generation = (volume: string): Promise<string> => exec('readlink', `/${volume}/..data`);

t.test('a Secret as files and as environment', async t => {
  const listed = await exec('ls', '-la', '/creds');
  t.match(listed, /\.\.data -> \.\.20\d\d_/);
  t.match(listed, /password -> \.\.data\/password/);
  t.equal(await exec('cat', '/creds/password'), 's3cret');
  t.match(await exec('mount'), /tmpfs on \/creds type tmpfs \(ro,/);
  t.equal(await exec('sh', '-c', 'echo $PASSWORD'), 's3cret\n');
  await t.rejects(exec('sh', '-c', 'echo x > /creds/password'), /Read-only file system/);
});

t.test('a change of a ConfigMap is in the files at once, all of it', async t => {
  const before = await generation('settings');
  await cluster.kubectl('patch', 'configmap', 'settings', '--patch', '{"data":{"colour":"red","size":"S"}}');
  const changedAtMs = Date.now();
  await waitFor('the new file', async () => (await exec('cat', '/settings/colour')) === 'red');
  t.comment(`seen ${Date.now() - changedAtMs} ms after kubectl was back`);
  t.equal(await exec('cat', '/settings/size'), 'S');
  t.not(await generation('settings'), before, 'a new directory');
  t.equal(await exec('cat', '/colour'), 'blue', 'a subPath stays as it was');
});
