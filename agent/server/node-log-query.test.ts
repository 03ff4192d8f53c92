import t from 'tap';
import { buildJournalArguments, parseNodeLogQuery } from './node-log-query.ts';

const parse = (text: string) => parseNodeLogQuery(new URLSearchParams(text));

void t.test('parseNodeLogQuery() reads what is meant', async t => {
  t.strictSame(parse(''), { kind: 'none' });
  t.strictSame(parse('query=/syslog'), { kind: 'file', path: '/syslog' });
  t.strictSame(parse('query=nodelet&query=containerd&tailLines=5'), {
    kind: 'services',
    services: ['nodelet', 'containerd'],
    options: { tailLines: 5 },
  });
});

void t.test('parseNodeLogQuery() refuses', async t => {
  const cases: readonly (readonly [text: string, status: number, reason: string])[] = [
    ['query=%20', 400, 'may not be empty'],
    ['query=a&sinceTime=now', 400, 'invalid time format'],
    ['query=a&boot=x', 400, 'boot'],
    ['tailLines=5', 406, 'cannot be empty with options'],
    ['query=a&query=/b', 406, 'cannot specify a file and service'],
    ['query=/a&query=/b', 406, 'cannot specify more than one file'],
    ['query=/a&tailLines=1', 406, 'cannot specify file with options'],
    ['query=a&boot=1', 406, 'must be less than 1'],
    ['query=a&tailLines=100001', 406, 'must be between 0 and 100000'],
    ['query=a&sinceTime=2026-01-02T00:00:00Z&untilTime=2026-01-01T00:00:00Z', 406, 'must be after'],
    ['query=--file', 406, 'not the name of a service'],
    ['query=a;b', 406, 'not the name of a service'],
    ['query=..', 406, 'not the name of a service'],
    ['query=a&query=b&query=c&query=d&query=e', 406, 'at most 4'],
  ];
  for (const [text, status, reason] of cases) {
    const parsed = parse(text);
    t.match(parsed, { kind: 'refused', status }, text);
    t.ok(parsed.kind === 'refused' && parsed.text.includes(reason), reason);
  }
});

void t.test('buildJournalArguments()', async t => {
  const options = { sinceMs: Date.parse('2026-01-02T03:04:05Z'), tailLines: 7, pattern: '-x', boot: -1 };
  t.strictSame(buildJournalArguments(['nodelet'], options), [
    '--utc',
    '--no-pager',
    '--output=short-precise',
    '--since=2026-01-02 03:04:05',
    '--pager-end',
    '--lines=7',
    '--unit=nodelet',
    '--grep=-x',
    '--boot=-1',
  ]);
});
