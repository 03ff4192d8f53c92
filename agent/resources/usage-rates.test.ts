import t from 'tap';
import { UsageRates } from './usage-rates.ts';

const SECOND = 1_000_000_000n;

t.test('measure() has nothing at the first look, then the average since the last one', async t => {
  const rates = new UsageRates();
  t.equal(rates.measure('a', 0n, 0), undefined);
  t.equal(rates.measure('a', SECOND, 2000), 500_000_000, 'one second of cpu in two');
  t.equal(rates.measure('a', SECOND, 2500), 500_000_000, 'too soon for a new average');
  t.equal(rates.measure('a', 2n * SECOND, 12_000), 100_000_000);
});

t.test('measure() begins anew when the counter went back', async t => {
  const rates = new UsageRates();
  rates.measure('a', 5n * SECOND, 0);
  t.equal(rates.measure('a', SECOND, 2000), undefined);
  t.equal(rates.measure('a', 3n * SECOND, 4000), 1_000_000_000);
});

t.test('forgetOld() drops what nobody looked at', async t => {
  const rates = new UsageRates();
  rates.measure('a', 0n, 0);
  rates.forgetOld(700_000);
  t.equal(rates.measure('a', SECOND, 701_000), undefined);
});
