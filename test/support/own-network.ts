// A test file that calls this runs in a network namespace of its own: fixed ports clash with nobody, and packets can be
// dropped without anybody else noticing.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

const MARK = 'NODELET_TEST_OWN_NETWORK';

/** Returns inside the new namespace, loopback up. The outer process becomes a shell around the inner one. */
export async function enterOwnNetwork(file: string): Promise<void> {
  if (process.env[MARK] === undefined) {
    const inner = spawn('unshare', ['--net', '--kill-child', process.execPath, file], {
      stdio: 'inherit',
      env: { ...process.env, [MARK]: '1' },
    });
    const [code] = await once(inner, 'exit');
    process.exit(typeof code === 'number' ? code : 1);
  }
  run('ip', 'link', 'set', 'lo', 'up');
}

/** Packets to and from this TCP port vanish without a word: no reset, no ICMP. */
export function dropPackets(port: number): void {
  for (const match of ['--dport', '--sport']) {
    run('iptables', '-A', 'INPUT', '-p', 'tcp', match, String(port), '-j', 'DROP');
  }
}

export function healPackets(): void {
  run('iptables', '-F', 'INPUT');
}

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
