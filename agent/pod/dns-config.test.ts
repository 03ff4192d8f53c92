import t from 'tap';
import { buildPodDns, type DnsContext, parseResolvConf } from './dns-config.ts';

const context: DnsContext = {
  namespace: 'shop',
  clusterDNS: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
  host: parseResolvConf('# host\nnameserver 1.1.1.1\nsearch corp.example.\noptions rotate\n'),
};

t.test('parseResolvConf() strips trailing dots and comments', async t => {
  t.strictSame(context.host, { servers: ['1.1.1.1'], searches: ['corp.example'], options: ['rotate'] });
});

t.test('ClusterFirst asks the cluster and searches the namespace first', async t => {
  const { config } = buildPodDns({ dnsPolicy: 'ClusterFirst' }, context);
  t.strictSame(config.servers, ['10.96.0.10']);
  t.strictSame(config.searches, [
    'shop.svc.cluster.local',
    'svc.cluster.local',
    'cluster.local',
    'corp.example',
  ]);
  t.strictSame(config.options, ['ndots:5']);
});

t.test('ClusterFirst on the host network uses the host resolver', async t => {
  t.strictSame(buildPodDns({ dnsPolicy: 'ClusterFirst', hostNetwork: true }, context).config, context.host);
  const withHostNet = buildPodDns({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, context);
  t.strictSame(withHostNet.config.servers, ['10.96.0.10']);
});

t.test('dnsConfig is appended, its options override by name', async t => {
  const { config } = buildPodDns(
    {
      dnsPolicy: 'ClusterFirst',
      dnsConfig: { searches: ['x.y'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] },
    },
    context,
  );
  t.equal(config.searches.at(-1), 'x.y');
  t.strictSame(config.options, ['ndots:2', 'edns0']);
});

t.test('more than three servers are cut and said so', async t => {
  const { config, warnings } = buildPodDns(
    { dnsPolicy: 'None', dnsConfig: { nameservers: ['1.0.0.1', '1.0.0.2', '1.0.0.3', '1.0.0.4'] } },
    context,
  );
  t.equal(config.servers.length, 3);
  t.match(warnings[0], /Nameserver limits were exceeded/);
});

t.test('no cluster DNS falls back to the host and is reported', async t => {
  const dns = buildPodDns({ dnsPolicy: 'ClusterFirst' }, { ...context, clusterDNS: [] });
  t.ok(dns.isClusterDNSMissing);
  t.strictSame(dns.config, context.host);
});
