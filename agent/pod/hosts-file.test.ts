import t from 'tap';
import { buildHostNetworkHostsFile, buildHostsFile } from './hosts-file.ts';

t.test('buildHostsFile() lists the pod under its full and short name, aliases last', async t => {
  const text = buildHostsFile({
    podIPs: ['10.0.0.2'],
    hostname: 'web',
    domain: 'sub.ns.svc.cluster.local',
    hostAliases: [{ ip: '123.45.67.89', hostnames: ['foo', 'bar'] }],
  });
  t.match(text, /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/);
  t.match(
    text,
    /\n10\.0\.0\.2\tweb\.sub\.ns\.svc\.cluster\.local\tweb\n\n# Entries added by HostAliases\.\n123\.45\.67\.89\tfoo\tbar\n$/,
  );
});

t.test('buildHostNetworkHostsFile() keeps the node file', async t => {
  t.equal(
    buildHostNetworkHostsFile('127.0.0.1 localhost', []),
    '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n',
  );
});
