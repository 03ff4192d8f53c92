import t from 'tap';
import { parseNetDev } from './net-dev.ts';
import { parseBlkio, parseFlatKeys, parseIoStat, parsePressure } from './parse-cgroup-files.ts';

t.test('parseFlatKeys() keeps values as text, digits beyond 2^53 included', async t => {
  const values = parseFlatKeys('usage_usec 18446744073709551615\nnr_periods 0\n');
  t.equal(BigInt(values.get('usage_usec') ?? 0), 18_446_744_073_709_551_615n);
  t.equal(values.get('nr_periods'), '0');
  const last = parseFlatKeys('total_rss 4\nrss 7');
  t.equal(last.get('rss'), '7', 'a name and not the end of another one, without a newline behind it');
  t.equal(last.get('total'), undefined);
});

t.test('parsePressure() reads both kinds, and a kernel without PSI is no error', async t => {
  const some = 'some avg10=1.50 avg60=0.20 avg300=0.03 total=6054683574';
  t.same(parsePressure(`${some}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n`), {
    some: { avg10: 1.5, avg60: 0.2, avg300: 0.03, totalMicroseconds: 6_054_683_574 },
    full: { avg10: 0, avg60: 0, avg300: 0, totalMicroseconds: 7 },
  });
  // Before Linux 5.13 cpu.pressure has one line.
  t.equal(parsePressure(`${some}\n`)?.full.totalMicroseconds, 0);
  t.equal(parsePressure(undefined), undefined);
});

t.test('block devices come out the same from both versions', async t => {
  const expected = [{ major: 254, minor: 0, readBytes: 4096, writeBytes: 8192, reads: 1, writes: 2 }];
  t.same(parseIoStat('254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n'), expected);
  const bytes = '254:0 Read 4096\n254:0 Write 8192\n254:0 Total 12288\nTotal 12288\n';
  t.same(parseBlkio(bytes, '254:0 Read 1\n254:0 Write 2\n254:0 Total 3\nTotal 3\n'), expected);
});

t.test('parseNetDev() reads every interface and skips the heading', async t => {
  const text = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
    '    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0',
    '  eth0:18446744073709551615   2    3    4    5     6          7         8        9      10   11   12   13    14      15         16',
  ];
  const [, eth0] = parseNetDev(`${text.join('\n')}\n`);
  t.same(eth0, {
    name: 'eth0',
    rxBytes: 18_446_744_073_709_551_615n,
    rxPackets: 2n,
    rxErrors: 3n,
    rxDropped: 4n,
    txBytes: 9n,
    txPackets: 10n,
    txErrors: 11n,
    txDropped: 12n,
  });
});
