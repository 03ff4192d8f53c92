import t from 'tap';
import { buildForwardChain, buildMasqueradeChain } from './masquerade-rules.ts';
import { buildCheckInput, buildRemovalInput, buildRestoreInput } from './plan-packet-rules.ts';

const FORWARD = buildForwardChain({ ownPodCIDR: '10.244.0.0/24' });
const MASQUERADE = buildMasqueradeChain({ ownPodCIDR: '10.244.0.0/24', clusterPodCIDRs: [] });

t.test('buildRestoreInput() refills the chain and adds the jump only when it is missing', async t => {
  t.equal(
    buildRestoreInput([FORWARD], () => false),
    [
      '*filter',
      ':NODELET-FORWARD - [0:0]',
      '-A NODELET-FORWARD -s 10.244.0.0/24 -j ACCEPT',
      '-A NODELET-FORWARD -d 10.244.0.0/24 -j ACCEPT',
      '-A FORWARD -m comment --comment "nodelet: pod traffic" -j NODELET-FORWARD',
      'COMMIT',
      '',
    ].join('\n'),
  );
  t.notMatch(
    buildRestoreInput([FORWARD], () => true),
    '-A FORWARD',
  );
});

t.test('buildCheckInput() asks for every jump and changes nothing', async t => {
  t.strictSame(
    buildCheckInput([MASQUERADE, FORWARD])
      .split('\n')
      .filter(line => line.startsWith('-'))
      .map(line => line.slice(0, 14)),
    ['-C POSTROUTING', '-C FORWARD -m '],
  );
});

t.test('buildRemovalInput() empties the chain before it goes', async t => {
  t.match(
    buildRemovalInput(MASQUERADE),
    /:NODELET-MASQ - \[0:0\]\n-D POSTROUTING .*\n-X NODELET-MASQ\nCOMMIT/,
  );
});
