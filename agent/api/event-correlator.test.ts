import t from 'tap';
import { EventCorrelator, type EventWrite, type Occurrence } from './event-correlator.ts';

const base: Occurrence = {
  reference: { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web', uid: 'u1' },
  type: 'Normal',
  reason: 'Pulled',
  message: 'm',
  atMs: Date.UTC(2026, 0, 1),
};

function correlate(occurrences: readonly Partial<Occurrence>[]): (EventWrite | undefined)[] {
  const correlator = new EventCorrelator({ component: 'kubelet', host: 'node-1' });
  return occurrences.map(occurrence => correlator.correlate({ ...base, ...occurrence }));
}

function repeat(count: number, make: (index: number) => Partial<Occurrence>): Partial<Occurrence>[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

void t.test('correlate() counts equal events under one name and keeps the first time', async t => {
  const [first, second] = correlate([{}, { atMs: base.atMs + 5000 }]);
  t.equal(first?.isUpdate, false);
  t.equal(second?.isUpdate, true);
  t.match(second?.event, {
    count: 2,
    metadata: { name: first?.event.metadata.name },
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:05Z',
  });
});

void t.test('correlate() keeps apart what differs in message, reason, type, field path or UID', async t => {
  const others: Partial<Occurrence>[] = [
    { message: 'other' },
    { reason: 'Created' },
    { type: 'Warning' },
    { reference: { ...base.reference, fieldPath: 'spec.containers{a}' } },
    { reference: { ...base.reference, uid: 'u2' } },
  ];
  for (const write of correlate([{}, ...others])) t.equal(write?.event.count, 1);
});

void t.test('correlate() combines from the tenth different message within ten minutes', async t => {
  const writes = correlate(repeat(12, index => ({ message: `m${index}` })));
  t.equal(writes[8]?.event.message, 'm8');
  t.equal(writes[9]?.event.message, '(combined from similar events): m9');
  t.equal(writes[9]?.isUpdate, false);
  t.match(writes[11], {
    isUpdate: true,
    event: { count: 3, message: '(combined from similar events): m11' },
  });
});

void t.test('correlate() forgets similar messages after ten quiet minutes', async t => {
  const later = { message: 'late', atMs: base.atMs + 600_001 };
  const writes = correlate([...repeat(9, index => ({ message: `m${index}` })), later]);
  t.equal(writes[9]?.event.message, 'late');
});

void t.test(
  'correlate() drops after 25 of one object, per type, and lets one through each five minutes',
  async t => {
    const writes = correlate([
      ...repeat(26, () => ({})),
      { type: 'Warning' },
      { atMs: base.atMs + 300_000 },
      { atMs: base.atMs + 300_000 },
    ]);
    t.equal(writes.slice(0, 25).filter(write => write === undefined).length, 0);
    t.equal(writes[25], undefined);
    t.equal(writes[26]?.event.type, 'Warning');
    t.equal(writes[27]?.event.count, 27);
    t.equal(writes[28], undefined);
  },
);

void t.test('renew() gives a new name that later counts keep', async t => {
  const correlator = new EventCorrelator({ component: 'kubelet', host: 'node-1' });
  correlator.correlate(base);
  const update = correlator.correlate(base);
  if (!update) return t.fail('dropped');
  const renewed = correlator.renew(update);
  t.equal(renewed.isUpdate, false);
  t.not(renewed.event.metadata.name, update.event.metadata.name);
  t.equal(correlator.correlate(base)?.event.metadata.name, renewed.event.metadata.name);
});

void t.test('a long object name is cut, a cluster-scoped object is told in default', async t => {
  const [write] = correlate([{ reference: { kind: 'Node', name: 'n'.repeat(253) } }]);
  t.equal(write?.event.metadata.name.length, 253);
  t.equal(write?.event.metadata.namespace, 'default');
});
