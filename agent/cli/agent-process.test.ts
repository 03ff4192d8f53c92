import t from 'tap';
import { parseAgentCommand } from './agent-process.ts';

const FLAGS = [
  '--config=/a',
  '--hostname-override',
  'node-1',
  '--fail-swap-on',
  '--node-labels=a=b',
  '--node-labels=c=d',
];
const INPUT = {
  flags: [
    { name: 'hostname-override', values: ['node-1'] },
    { name: 'fail-swap-on', values: ['true'] },
    { name: 'node-labels', values: ['a=b', 'c=d'] },
  ],
  configPath: '/a',
  configDir: undefined,
};

t.test('parseAgentCommand() reads each form of a flag', async t => {
  t.same(parseAgentCommand('kubelet', ['/usr/bin/kubelet', ...FLAGS]), { name: 'kubelet', input: INPUT });
});

t.test('parseAgentCommand() knows nodelet by its program, installed and as a checkout', async t => {
  for (const program of ['/usr/lib/nodelet/main.js', 'agent/main.ts']) {
    const args = ['/usr/lib/nodelet/node', '--max-semi-space-size=1', program, 'run', ...FLAGS];
    t.same(parseAgentCommand('node-MainThread', args), { name: 'nodelet', input: INPUT });
  }
  t.equal(parseAgentCommand('node', ['node', 'agent/main.ts', 'config', 'show']), undefined);
  t.equal(parseAgentCommand('vi', ['vi', 'main.js', 'run']), undefined, 'a program of that name is no agent');
});
