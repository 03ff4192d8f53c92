import t from 'tap';
import { buildHostname } from './hostname.ts';

const build = (spec: Parameters<typeof buildHostname>[2]) =>
  buildHostname('web-0', 'shop', spec, 'cluster.local');

t.test("buildHostname() takes the pod's name, or what the spec says", async t => {
  t.same(build({}), { kind: 'ok', hostname: 'web-0', domain: '' });
  t.same(build({ hostname: 'own', subdomain: 'web' }), {
    kind: 'ok',
    hostname: 'own',
    domain: 'web.shop.svc.cluster.local',
  });
});

t.test('buildHostname() puts the override before all, without a domain', async t => {
  const spec = { hostname: 'own', subdomain: 'web', hostnameOverride: 'over.example' };
  t.same(build(spec), { kind: 'ok', hostname: 'over.example', domain: '' });
});

t.test('buildHostname() refuses a full name that the kernel cannot hold', async t => {
  const spec = { hostname: 'h'.repeat(60), subdomain: 'web', setHostnameAsFQDN: true };
  t.match(build(spec), { kind: 'tooLong', message: /64 characters is the max, 87 characters requested/ });
});
