import t from 'tap';
import { InvalidError } from '../lib/errors.ts';
import { formatIP, formatPrefix, parseIP, parsePrefix } from './ip-address.ts';

t.test('prefixes lose their host bits and come back as the usual text', async t => {
  const table = [
    ['10.244.3.7/24', '10.244.3.0/24'],
    ['10.244.3.7', '10.244.3.7/32'],
    ['10.255.255.255/9', '10.128.0.0/9'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['fd00:0:0:1::ff/64', 'fd00:0:0:1::/64'],
    ['::/0', '::/0'],
  ] as const;
  for (const [text, formatted] of table) t.equal(formatPrefix(parsePrefix(text)), formatted);
});

t.test('formatIP() shortens IPv6', async t => {
  t.equal(formatIP(parseIP('2001:0DB8:0:0:1:0:0:1').bytes), '2001:db8::1:0:0:1');
});

t.test('what is no address or prefix is refused', async t => {
  for (const text of [
    '',
    '10.1',
    'host',
    '10.0.0.1/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    'fd00::/129',
    '1.2.3.4/8x',
  ]) {
    t.throws(() => parsePrefix(text), InvalidError, text);
  }
});
