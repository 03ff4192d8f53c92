import t from 'tap';
import { formatQuantity, parseMilliQuantity, parseQuantity } from './quantity.ts';

t.test('parseQuantity() reads decimal, binary and exponent forms', async t => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['1', 1],
    ['100m', 0.1],
    ['1.5Gi', 1_610_612_736],
    ['128Mi', 134_217_728],
    ['1k', 1000],
    ['2e3', 2000],
    ['1E', 1e18],
    ['.5', 0.5],
    ['-1', -1],
    ['', undefined],
    ['Mi', undefined],
    ['10 Mi', undefined],
    ['10MB', undefined],
    ['10K', undefined],
  ];
  for (const [text, expected] of cases) t.equal(parseQuantity(text), expected, text);
});

t.test('parseMilliQuantity() rounds up to whole thousandths', async t => {
  for (const [text, expected] of [
    ['100m', 100],
    ['0.57', 570],
    ['2', 2000],
    ['0.0001', 1],
    ['1u', 1],
  ] as const) {
    t.equal(parseMilliQuantity(text), expected, text);
  }
});

t.test('formatQuantity() writes the shortest exact form', async t => {
  for (const [amount, expected] of [
    [104_857_600, '100Mi'],
    [1537, '1537'],
    [2048, '2Ki'],
    [1000, '1000'],
    [0, '0'],
    [2 ** 30, '1Gi'],
  ] as const) {
    t.equal(formatQuantity(amount), expected);
  }
});
