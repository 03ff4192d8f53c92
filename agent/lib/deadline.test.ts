import { once } from 'node:events';
import t from 'tap';
import { Deadline } from './deadline.ts';

void t.test('a Deadline aborts when its time is up, and says so', async t => {
  const { signal } = new AbortController();
  using deadline = new Deadline({ signal });
  t.equal(deadline.remainingMs, Number.POSITIVE_INFINITY);
  deadline.arm(5);
  t.ok(deadline.remainingMs <= 5);
  await once(deadline.signal, 'abort');
  t.equal(deadline.isExceeded, true);
});

void t.test('a Deadline follows its parent, before and after it is made', async t => {
  const parent = new AbortController();
  const deadline = new Deadline(parent);
  parent.abort(new Error('stop'));
  t.match(deadline.signal.reason, { message: 'stop' });
  t.equal(deadline.isExceeded, false);
  t.equal(new Deadline(parent).signal.aborted, true);
});

void t.test('a disposed Deadline neither fires nor listens', async t => {
  const parent = new AbortController();
  const deadline = new Deadline(parent);
  deadline.arm(1);
  deadline[Symbol.dispose]();
  parent.abort();
  await new Promise(resolve => setTimeout(resolve, 10));
  t.equal(deadline.signal.aborted, false);
});
