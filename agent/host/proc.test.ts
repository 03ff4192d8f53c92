import t from 'tap';
import { parseMemInfo, parseOSRelease, parseProcessStat } from './proc.ts';

t.test('parseOSRelease() takes quotes and escapes off', async t => {
  const values = parseOSRelease(
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME=Plain\n# comment\nODD="a \\"b\\" \\$c"\nQ=\'single\'\n',
  );
  t.equal(values.get('PRETTY_NAME'), 'Debian GNU/Linux 12 (bookworm)');
  t.equal(values.get('NAME'), 'Plain');
  t.equal(values.get('ODD'), 'a "b" $c');
  t.equal(values.get('Q'), 'single');
});

t.test('parseMemInfo() reads kB as KiB, and counts', async t => {
  const values = parseMemInfo('MemTotal:       24684084 kB\nHugePages_Total:      12\nSwapTotal:  0 kB\n');
  t.same(
    [...values],
    [
      ['MemTotal', 24_684_084 * 1024],
      ['HugePages_Total', 12],
      ['SwapTotal', 0],
    ],
  );
});

t.test('parseProcessStat() is not misled by a name', async t => {
  const rest = 'S 1 2 2 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 2000';
  t.same(parseProcessStat(`42 (a ) b (c) ${rest}\n`), {
    pid: 42,
    parentPid: 1,
    sessionId: 2,
    state: 'S',
    startTicks: 98_765,
  });
  t.equal(parseProcessStat('42 (cut'), undefined);
});
