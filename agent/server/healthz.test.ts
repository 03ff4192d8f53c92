import t from 'tap';
import { formatHealth, PING } from './healthz.ts';

const broken = { name: 'syncloop', problem: () => 'secret reason' };

void t.test('formatHealth()', async t => {
  const format = (checks: Parameters<typeof formatHealth>[0], isVerbose: boolean, ...excluded: string[]) =>
    formatHealth(checks, { isVerbose, excluded });
  t.strictSame(format([PING], false), { text: 'ok', isHealthy: true });
  t.equal(format([PING], true).text, '[+]ping ok\nhealthz check passed\n');
  t.strictSame(format([PING, broken], false), {
    text: '[+]ping ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n',
    isHealthy: false,
  });
  t.equal(format([PING, broken], false, 'syncloop').text, 'ok');
  t.match(format([PING, broken], true, 'syncloop').text, '[+]syncloop excluded: ok');
});
