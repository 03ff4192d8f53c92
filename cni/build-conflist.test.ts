import t from 'tap';
import { buildConflist } from './build-conflist.ts';

t.test('buildConflist() describes a bridge with one address out of each podCIDR', async t => {
  const conflist = JSON.parse(
    buildConflist({ podCIDRs: ['10.244.0.0/24', 'fd00::/64'], bridgeName: 'cni0', mtu: 1450 }),
  );
  t.equal(conflist.cniVersion, '1.0.0');
  t.match(conflist.plugins[0], {
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    hairpinMode: true,
    ipMasq: false,
    mtu: 1450,
    ipam: {
      ranges: [[{ subnet: '10.244.0.0/24' }], [{ subnet: 'fd00::/64' }]],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    },
  });
  t.match(conflist.plugins[1], { type: 'portmap', capabilities: { portMappings: true } });
});

t.test('buildConflist() leaves the MTU to the plugin when it is not known', async t => {
  const text = buildConflist({ podCIDRs: ['10.244.0.0/24'], bridgeName: 'cni0', mtu: 0 });
  t.notMatch(text, /mtu/);
  t.ok(text.endsWith('}\n'));
});

t.test('buildConflist() limits bandwidth where the plugin is installed', async t => {
  const text = buildConflist({ podCIDRs: ['10.244.0.0/24'], bridgeName: 'cni0', mtu: 0, hasBandwidth: true });
  t.match(JSON.parse(text).plugins[2], { type: 'bandwidth', capabilities: { bandwidth: true } });
});
