import t from 'tap';
import { milliValue, wholeValue } from './quantity.ts';

t.test('milliValue() and wholeValue() round up, without floating-point noise', async t => {
  t.equal(milliValue('0.3'), 300);
  t.equal(milliValue('100u'), 1);
  t.equal(wholeValue('1.1'), 2);
  t.equal(wholeValue('1Gi'), 1_073_741_824);
  t.equal(wholeValue(undefined), 0);
});
