// A test file that imports this first runs in network and process namespaces of its own: fixed ports clash with nobody,
// packets can be dropped without anybody else noticing, and nothing it started outlives it.

import { spawnSync } from 'node:child_process';

const MARK = 'NODELET_TEST_OWN_NETWORK';

if (process.env[MARK] === undefined) {
  const namespaces = ['unshare', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  // Synchronous: the imports after this one must not run in the outer process.
  const { status } = spawnSync(
    'setpriv',
    ['--pdeathsig', 'KILL', ...namespaces, process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } },
  );
  process.exit(status ?? 1);
}
run('ip', 'link', 'set', 'lo', 'up');

/** Packets to and from this TCP port vanish without a word: no reset, no ICMP. */
export function dropPackets(port: number): void {
  for (const match of ['--dport', '--sport']) {
    run('iptables', '-A', 'INPUT', '-p', 'tcp', match, String(port), '-j', 'DROP');
  }
}

/** Every packet to this TCP port is answered with a reset. */
export function resetConnections(port: number): void {
  const reset = ['-j', 'REJECT', '--reject-with', 'tcp-reset'];
  run('iptables', '-A', 'INPUT', '-p', 'tcp', '--dport', String(port), ...reset);
}

export function healPackets(): void {
  run('iptables', '-F', 'INPUT');
}

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
