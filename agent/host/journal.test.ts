import t from 'tap';
import { buildJournalEntry, isJournalStream } from './journal.ts';

function fieldsOf(record: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const text = buildJournalEntry(record).toString('utf8');
  return Object.fromEntries(
    text
      .split('\n')
      .filter(line => line.includes('='))
      .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

t.test('buildJournalEntry() writes our fields by their journal names', async t => {
  t.same(
    fieldsOf({
      level: 'warn',
      time: '2026-01-01T00:00:00Z',
      component: 'pod',
      pod: 'default/web-1',
      podUID: 'u-1',
      containerId: 'c1',
      durationMs: 12,
      reason: 'BackOff',
      err: { type: 'UnavailableError', code: 'ECONNREFUSED', message: 'runtime is away' },
      msg: 'sync failed',
    }),
    {
      PRIORITY: '4',
      SYSLOG_IDENTIFIER: 'nodelet',
      MESSAGE: 'sync failed pod=default/web-1 reason=BackOff durationMs=12: runtime is away',
      POD: 'web-1',
      NAMESPACE: 'default',
      ERROR_TYPE: 'UnavailableError',
      ERROR_CODE: 'ECONNREFUSED',
      ERROR: 'runtime is away',
      COMPONENT: 'pod',
      POD_UID: 'u-1',
      CONTAINER_ID: 'c1',
      DURATION_MS: '12',
      REASON: 'BackOff',
    },
  );
});

t.test('levels become syslog priorities', async t => {
  const priorities = ['error', 'warn', 'info', 'debug', 'trace'].map(
    level => fieldsOf({ level })['PRIORITY'],
  );
  t.same(priorities, ['3', '4', '6', '7', '7']);
});

t.test('values with newlines go as length and bytes', async t => {
  const entry = buildJournalEntry({ level: 'info', msg: 'two\nlines', answer: 42 });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(9n);
  t.ok(entry.includes(Buffer.concat([Buffer.from('MESSAGE\n'), length, Buffer.from('two\nlines\n')])));
  t.ok(entry.includes('ANSWER=42\n'));
});

t.test('field names are made acceptable and long values are cut', async t => {
  t.match(fieldsOf({ level: 'info', 'http.status-code': 500, _private: 'x', '1st': 'y' }), {
    HTTP_STATUS_CODE: '500',
    PRIVATE: 'x',
    ST: 'y',
  });
  const big = 'x'.repeat(300_000);
  t.ok(
    buildJournalEntry({ level: 'info', msg: big, a: big, b: big, c: big, d: big, e: big }).length < 200_000,
  );
});

t.test('isJournalStream() compares device and inode', async t => {
  t.equal(isJournalStream(undefined, 1), false);
  t.equal(isJournalStream('1:2', 1), false);
});
