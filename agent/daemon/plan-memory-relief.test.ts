import t from 'tap';
import { planMemoryRelief } from './plan-memory-relief.ts';

t.test('memory is given back in the first quiet span after work, and not before', async t => {
  t.equal(planMemoryRelief({ cpuShare: 0.005, hasWorked: false }), 'wait');
  t.equal(planMemoryRelief({ cpuShare: 0.9, hasWorked: false }), 'note work');
  t.equal(planMemoryRelief({ cpuShare: 0.9, hasWorked: true }), 'note work');
  t.equal(planMemoryRelief({ cpuShare: 0.005, hasWorked: true }), 'give back');
});
