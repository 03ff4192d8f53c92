import t from 'tap';
import { buildForwardChain, buildMasqueradeChain } from './masquerade-rules.ts';

t.test('buildMasqueradeChain() keeps addresses between pods and hides them elsewhere', async t => {
  t.strictSame(
    buildMasqueradeChain({
      ownPodCIDR: '10.244.0.0/24',
      clusterPodCIDRs: ['10.244.1.0/24', '10.244.0.0/24'],
    }).rules,
    [
      '! -s 10.244.0.0/24 -j RETURN',
      '-d 10.244.0.0/24 -j RETURN',
      '-d 10.244.1.0/24 -j RETURN',
      '-d 224.0.0.0/4 -j RETURN',
      '-j MASQUERADE --random-fully',
    ],
  );
});

t.test('buildMasqueradeChain() knows the multicast range of the other family', async t => {
  t.ok(
    buildMasqueradeChain({ ownPodCIDR: 'fd00::/64', clusterPodCIDRs: [] }).rules.includes(
      '-d ff00::/8 -j RETURN',
    ),
  );
});

t.test('buildForwardChain() accepts both directions', async t => {
  t.strictSame(buildForwardChain({ ownPodCIDR: '10.244.0.0/24' }).rules, [
    '-s 10.244.0.0/24 -j ACCEPT',
    '-d 10.244.0.0/24 -j ACCEPT',
  ]);
});
