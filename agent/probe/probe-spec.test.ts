import t from 'tap';
import type { Container, Pod } from '../api/objects.ts';
import { buildContainerSpecs } from './probe-spec.ts';

const probe = { tcpSocket: { port: 80 } };

function pod(containers: readonly Container[], initContainers: readonly Container[] = []): Pod {
  return { metadata: { name: 'p' }, spec: { containers, initContainers } };
}

t.test('regular containers and sidecars with a probe are probed', async t => {
  const main = { name: 'main', image: 'i', readinessProbe: probe };
  const plain = { name: 'plain', image: 'i' };
  const init = { name: 'init', image: 'i', livenessProbe: probe };
  const sidecar = { name: 'sidecar', image: 'i', restartPolicy: 'Always', startupProbe: probe };
  const names = buildContainerSpecs(pod([main, plain], [init, sidecar])).map(
    ({ container }) => container.name,
  );
  t.same(names, ['main', 'sidecar']);
});

t.test('what a static pod leaves out has the API server’s defaults', async t => {
  const [specs] = buildContainerSpecs(pod([{ name: 'c', image: 'i', readinessProbe: probe }]));
  t.match(specs?.readiness, {
    type: 'readiness',
    initialDelayMs: 0,
    timeoutMs: 1000,
    periodMs: 10_000,
    successThreshold: 1,
    failureThreshold: 3,
  });
  t.equal(specs?.liveness, undefined);
});
