import './private-namespaces.ts';
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { ensureSysctl, KUBELET_SYSCTLS, NETWORK_SYSCTLS, readSysctl } from '../../agent/host/sysctl.ts';
import { createSilentLogger } from '../../agent/lib/logger.ts';
import { ensureKernelDefaults } from '../../agent/node/node-sysctls.ts';

t.test('ensureSysctl() changes a value once', async t => {
  const sysctl = { name: 'net/ipv4/conf/all/route_localnet', value: '1' };
  t.same(await ensureSysctl(sysctl), { kind: 'changed', previous: '0' });
  t.same(await ensureSysctl(sysctl), { kind: 'unchanged' });
  t.equal(await readSysctl('net.ipv4.conf.all.route_localnet'), '1');
  t.same(await ensureSysctl({ name: 'net/ipv4/ip_local_port_range', value: '20000 30000' }), {
    kind: 'changed',
    previous: '32768 60999',
  });
  t.equal(await readSysctl('net/ipv4/ip_local_port_range'), '20000 30000');
});

t.test('ensureKernelDefaults() sets what the kubelet sets, or only compares', async t => {
  // The machine's own stays as it is: a file stands in its place.
  const file = `${t.testdir({ panic: '0\n' })}/panic`;
  execFileSync('mount', ['--bind', file, '/proc/sys/kernel/panic']);
  const logger = createSilentLogger();
  await t.rejects(ensureKernelDefaults({ protectKernelDefaults: true }, logger), {
    message: /kernel\.panic is 0, not 10/,
  });
  t.equal(await readSysctl('kernel.panic'), '0');
  await ensureKernelDefaults({ protectKernelDefaults: false }, logger);
  t.equal(await readSysctl('kernel.panic'), '10');
});

t.test('what cannot be set is an outcome', async t => {
  t.same(await ensureSysctl({ name: 'net/no/such', value: '1' }), { kind: 'missing' });
  t.match(await ensureSysctl({ name: 'net/ipv4/tcp_wmem', value: 'x' }), {
    kind: 'denied',
    message: /EINVAL/,
  });
  execFileSync('mount', ['--bind', '-o', 'ro', '/proc/sys', '/proc/sys']);
  execFileSync('mount', ['-o', 'remount,bind,ro', '/proc/sys']);
  t.match(await ensureSysctl({ name: 'net/ipv4/conf/all/route_localnet', value: '0' }), {
    kind: 'denied',
    actual: '1',
    message: /EROFS/,
  });
});

t.test('the names we set exist, or come with a module', async t => {
  for (const { name } of [...KUBELET_SYSCTLS, ...NETWORK_SYSCTLS]) {
    const value = await readSysctl(name);
    if (!name.startsWith('net/bridge/')) t.type(value, 'string', name);
  }
});
