import t from 'tap';
import { parseNotifyEnvironment } from './notify.ts';

t.test('parseNotifyEnvironment() minds whom the watchdog is for', async t => {
  const both = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' };
  t.same(parseNotifyEnvironment(both, 7), { socketPath: '/run/systemd/notify', watchdogTimeoutMs: 30_000 });
  t.same(parseNotifyEnvironment(both, 8), {
    socketPath: '/run/systemd/notify',
    watchdogTimeoutMs: undefined,
  });
  t.same(parseNotifyEnvironment({}, 7), { socketPath: undefined, watchdogTimeoutMs: undefined });
  t.equal(parseNotifyEnvironment({ NOTIFY_SOCKET: 'vsock:1:2' }, 7).socketPath, undefined);
});
