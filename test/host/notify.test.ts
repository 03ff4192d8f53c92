import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { ServiceNotifier } from '../../agent/host/notify.ts';
import { UnixDatagramSender } from '../../agent/host/unix-datagram.ts';

const directory = await mkdtemp(join(tmpdir(), 'nodelet-notify-'));
t.teardown(() => rm(directory, { recursive: true }));

const receivers = [
  { socketPath: join(directory, 'notify'), address: `UNIX-RECV:${join(directory, 'notify')}` },
  { socketPath: `@nodelet-notify-${process.pid}`, address: `ABSTRACT-RECV:nodelet-notify-${process.pid}` },
];

for (const { socketPath, address } of receivers) {
  t.test(`a service manager at ${address.split(':')[0]} is told everything`, async t => {
    const socat = spawn('socat', ['-u', address, '-'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(socat, 'exit');
    let received = '';
    socat.stdout.setEncoding('utf8').on('data', (text: string) => (received += text));
    const shutdown = new AbortController();
    using notifier = new ServiceNotifier({ socketPath, watchdogTimeoutMs: 100 });
    using probe = new UnixDatagramSender(socketPath);
    while (probe.send(Buffer.from('|')) !== 'sent') await delay(10);

    notifier.status('waiting for\nthe runtime');
    notifier.ready();
    const watchdog = notifier.runWatchdog({ signal: shutdown.signal });
    while ((received.match(/WATCHDOG=1/g)?.length ?? 0) < 3) await delay(10);
    shutdown.abort();
    await watchdog;
    notifier.stopping();
    while (!received.includes('STOPPING=1')) await delay(10);
    t.match(received, /^\|STATUS=waiting for the runtimeREADY=1(WATCHDOG=1){3,}STOPPING=1$/);
    socat.kill();
    await ended;
  });
}

t.test('without a socket, or with nobody at it, nothing happens', async () => {
  const { signal } = new AbortController();
  for (const socketPath of [undefined, join(directory, 'nobody')]) {
    using notifier = new ServiceNotifier({ socketPath, watchdogTimeoutMs: undefined });
    notifier.ready();
    await notifier.runWatchdog({ signal });
  }
});
