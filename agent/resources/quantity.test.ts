import t from 'tap';
import { milliValue, parseQuantity, wholeValue } from './quantity.ts';

t.test('parseQuantity() reads decimal, binary and exponent suffixes', async t => {
  const rows: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['100m', 0.1],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['128Mi', 134_217_728],
    ['1e3', 1000],
    ['1E3', 1000],
    ['2E', 2e18],
    ['12k', 12_000],
    ['1 Gi', undefined],
    ['', undefined],
    ['1K', undefined],
  ];
  for (const [text, expected] of rows) t.equal(parseQuantity(text), expected, text);
});

t.test('milliValue() and wholeValue() round up, without floating-point noise', async t => {
  t.equal(milliValue('0.3'), 300);
  t.equal(milliValue('100u'), 1);
  t.equal(wholeValue('1.1'), 2);
  t.equal(wholeValue('1Gi'), 1_073_741_824);
  t.equal(wholeValue(undefined), 0);
});
