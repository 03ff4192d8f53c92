import './private-namespaces.ts';
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { findLink, listAddresses, listLinks } from '../../agent/host/links.ts';
import {
  ensureRoute,
  findDefaultRoute,
  listRoutes,
  lookupRoute,
  ROUTE_PROTOCOL,
  removeRoute,
} from '../../agent/host/routes.ts';
import { InvalidError, UnavailableError } from '../../agent/lib/errors.ts';

function ip(command: string): string {
  return execFileSync('ip', command.split(' '), { encoding: 'utf8' });
}

ip('link set lo up');
ip('link add uplink mtu 1400 type veth peer name other');
ip('link set other up');
ip('link set uplink up');
ip('addr add 172.30.0.1/24 dev uplink');
ip('-6 addr add fd30::1/64 dev uplink nodad');

const families = [
  {
    family: 4,
    pods: '10.244.1.0/24',
    pod: '10.244.1.5',
    node: '172.30.0.2',
    moved: '172.30.0.3',
    far: '172.31.0.9',
  },
  {
    family: 6,
    pods: 'fd44:0:0:1::/64',
    pod: 'fd44:0:0:1::5',
    node: 'fd30::2',
    moved: 'fd30::3',
    far: 'fd31::9',
  },
] as const;

t.test('links and addresses', async t => {
  const uplink = (await listLinks()).find(({ name }) => name === 'uplink');
  t.match(uplink, { mtu: 1400, isUp: true, isLoopback: false, macAddress: /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/ });
  t.same(await findLink(uplink?.index ?? 0), uplink);
  t.equal(await findLink(4000), undefined);
  const addresses = (await listAddresses()).filter(({ linkIndex }) => linkIndex === uplink?.index);
  t.match(addresses, [
    { family: 4, address: '172.30.0.1', prefixLength: 24, scope: 0 },
    { family: 6, address: 'fd30::1', prefixLength: 64, scope: 0 },
    { family: 6, address: /^fe80::/, scope: 253 },
  ]);
});

for (const { family, pods, pod, node, moved, far } of families) {
  t.test(`IPv${family} routes`, async t => {
    t.same(await ensureRoute({ destination: pods, gateway: node }), { kind: 'added' });
    t.same(await ensureRoute({ destination: pods, gateway: node }), { kind: 'unchanged' });
    t.match(await listRoutes({ family, protocol: ROUTE_PROTOCOL }), [
      { destination: pods, gateway: node, protocol: ROUTE_PROTOCOL },
    ]);
    t.match(
      ip(`-${family} route show ${pods}`),
      new RegExp(`via ${node} dev uplink proto ${ROUTE_PROTOCOL}`),
    );

    t.same(await ensureRoute({ destination: pods, gateway: moved }), { kind: 'replaced' });
    t.match(await listRoutes({ family, protocol: ROUTE_PROTOCOL }), { length: 1, 0: { gateway: moved } });
    t.match(await lookupRoute(pod), { gateway: moved });

    await removeRoute(pods);
    await removeRoute(pods);
    t.same(await listRoutes({ family, protocol: ROUTE_PROTOCOL }), []);
    await t.rejects(ensureRoute({ destination: pods, gateway: far }), UnavailableError);
  });

  t.test(`an IPv${family} route of another program stays`, async t => {
    ip(`-${family} route add ${pods} via ${moved} ${family === 6 ? 'metric 1024' : ''}`.trim());
    t.same(await ensureRoute({ destination: pods, gateway: moved }), { kind: 'unchanged' });
    t.match(await ensureRoute({ destination: pods, gateway: node }), {
      kind: 'conflict',
      route: { gateway: moved },
    });
    await removeRoute(pods);
    t.match(ip(`-${family} route show ${pods}`), /via/);
  });

  t.test(`the IPv${family} default route is the one with the lowest metric`, async t => {
    t.equal(await findDefaultRoute({ family }), undefined);
    t.equal(await lookupRoute(far), undefined);
    ip(`-${family} route add default via ${moved} metric 200`);
    ip(`-${family} route add default via ${node} metric 100`);
    t.match(await findDefaultRoute({ family }), { gateway: node, metric: 100 });
  });
}

t.test('a mixture of families is refused', async t => {
  await t.rejects(ensureRoute({ destination: '10.0.0.0/8', gateway: 'fd30::2' }), InvalidError);
});

t.test('a table of 20000 routes is read without holding up the event loop', async t => {
  const lines = Array.from(
    { length: 20_000 },
    (_, n) => `route add 11.${n >> 8}.${n & 255}.0/24 via 172.30.0.2`,
  );
  execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') });
  let longestMs = 0;
  let lastAt = performance.now();
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastAt);
    lastAt = performance.now();
  }, 1);
  const startedAt = performance.now();
  const count = (await listRoutes({ family: 4 })).length;
  t.ok(count > 20_000);
  const allMs = performance.now() - startedAt;
  await listRoutes({ family: 4, protocol: ROUTE_PROTOCOL });
  const ownMs = performance.now() - startedAt - allMs;
  clearInterval(timer);
  t.comment(
    `all ${allMs.toFixed(1)} ms, own ${ownMs.toFixed(1)} ms, longest step ${longestMs.toFixed(1)} ms`,
  );
});
