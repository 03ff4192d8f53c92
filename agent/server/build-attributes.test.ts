import t from 'tap';
import { buildAttributes } from './build-attributes.ts';

void t.test('buildAttributes() asks for what the kubelet asks for', async t => {
  const cases: readonly (readonly [path: string, subresources: readonly string[]])[] = [
    ['/stats/summary', ['stats']],
    ['/metrics', ['metrics']],
    ['/metrics/cadvisor', ['metrics']],
    ['/metricsx', ['proxy']],
    ['/logs/syslog', ['log']],
    ['/checkpoint/a/b/c', ['checkpoint']],
    ['/pods', ['pods', 'proxy']],
    ['/runningpods/', ['pods', 'proxy']],
    ['/healthz/ping', ['healthz', 'proxy']],
    ['/configz', ['configz', 'proxy']],
    ['/exec/a/b/c', ['proxy']],
    ['/containerLogs/a/b/c', ['proxy']],
    ['/', ['proxy']],
    ['//stats', ['proxy']],
  ];
  for (const [path, subresources] of cases) {
    t.strictSame(buildAttributes('GET', path), { verb: 'get', subresources }, path);
  }
});

void t.test('buildAttributes() knows the verbs that RBAC has', async t => {
  const verbs = ['POST', 'GET', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'BREW'];
  t.strictSame(
    verbs.map(method => buildAttributes(method, '/pods').verb),
    ['create', 'get', 'update', 'patch', 'delete', '', '', ''],
  );
});
