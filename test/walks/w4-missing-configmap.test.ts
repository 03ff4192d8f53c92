// W4, a ConfigMap that is not there: pods wait, say why, and go on by themselves.
import t from 'tap';
import { obedient, useCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const cluster = await useCluster(t);

t.test('pods wait for their ConfigMap and start with it', async t => {
  await cluster.create('configmaps', 'app-config', { data: { mode: 'one' } });
  const spec = {
    containers: [{ ...obedient(), volumeMounts: [{ name: 'config', mountPath: '/config' }] }],
    volumes: [{ name: 'config', configMap: { name: 'app-config' } }],
    terminationGracePeriodSeconds: 1,
  };
  const template = { metadata: { labels: { app: 'app' } }, spec };
  const path = `/apis/apps/v1/namespaces/${cluster.namespace}/deployments`;
  await cluster.api.create(
    path,
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'app' },
      spec: { replicas: 3, selector: { matchLabels: { app: 'app' } }, template },
    },
    { signal: new AbortController().signal },
  );
  await cluster.kubectl('rollout', 'status', 'deployment/app', '--timeout=60s');
  await cluster.kubectl('delete', 'configmap', 'app-config');
  await cluster.kubectl('delete', 'pods', '-l', 'app=app', '--wait=true');
  await waitFor('every pod to say what is missing', async () => {
    const events = await cluster.kubectl(
      'get',
      'events',
      '--field-selector',
      'type=Warning,reason=FailedMount',
    );
    const told = events.split('\n').filter(line => line.includes('configmap "app-config" not found'));
    return told.length >= 3;
  });
  const waiting = await cluster.kubectl('get', 'pods', '-l', 'app=app');
  t.equal(waiting.match(/0\/1 +ContainerCreating/g)?.length, 3, 'all wait, none fails');

  await cluster.create('configmaps', 'app-config', { data: { mode: 'two' } });
  const createdAtMs = Date.now();
  await cluster.kubectl('rollout', 'status', 'deployment/app', '--timeout=30s');
  t.comment(`all run ${Date.now() - createdAtMs} ms after the ConfigMap is there`);
  t.ok(Date.now() - createdAtMs < 10_000);
});
