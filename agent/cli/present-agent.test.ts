import t from 'tap';
import { parseKubeletFlags } from './present-agent.ts';

t.test('parseKubeletFlags() reads each form of a flag', async t => {
  const args = [
    '--config=/a',
    '--hostname-override',
    'node-1',
    '--fail-swap-on',
    '--node-labels=a=b',
    '--node-labels=c=d',
  ];
  t.same(parseKubeletFlags(args), [
    { name: 'config', values: ['/a'] },
    { name: 'hostname-override', values: ['node-1'] },
    { name: 'fail-swap-on', values: ['true'] },
    { name: 'node-labels', values: ['a=b', 'c=d'] },
  ]);
});
