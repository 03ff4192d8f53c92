import t from 'tap';
import { parseLogQuery } from './log-query.ts';

const NOW_MS = Date.parse('2026-05-01T12:00:00Z');
const parse = (text: string, canSplitStreams = false) =>
  parseLogQuery(new URLSearchParams(text), { nowMs: NOW_MS, canSplitStreams });

const NOTHING = {
  follow: false,
  previous: false,
  timestamps: false,
  sinceMs: undefined,
  tailLines: undefined,
  limitBytes: undefined,
  stream: undefined,
};

void t.test('parseLogQuery() reads what is meant', async t => {
  const cases: readonly (readonly [text: string, expected: object])[] = [
    ['', {}],
    ['follow=true&previous=true&timestamps=true', { follow: true, previous: true, timestamps: true }],
    ['follow&timestamps=', { follow: true, timestamps: true }],
    ['follow=false&previous=0', {}],
    ['tailLines=0', { tailLines: 0 }],
    ['tail=7', { tailLines: 7 }],
    ['tail=all&tailLines=3', {}],
    ['limitBytes=10', { limitBytes: 10 }],
    ['sinceSeconds=60', { sinceMs: NOW_MS - 60_000 }],
    ['sinceTime=2026-05-01T11:00:00Z', { sinceMs: NOW_MS - 3_600_000 }],
    ['sinceTime=2026-05-01T14:00:00%2B02:00', { sinceMs: NOW_MS }],
    ['stream=All&tailLines=1', { tailLines: 1 }],
  ];
  for (const [text, expected] of cases) {
    t.strictSame(parse(text), { kind: 'ok', query: { ...NOTHING, ...expected } }, text);
  }
});

void t.test('parseLogQuery() refuses', async t => {
  const cases: readonly (readonly [text: string, status: number])[] = [
    ['tailLines=x', 400],
    ['tailLines=1.5', 400],
    ['sinceTime=yesterday', 400],
    ['tailLines=-1', 422],
    ['limitBytes=0', 422],
    ['sinceSeconds=0', 422],
    ['sinceSeconds=1&sinceTime=2026-05-01T11:00:00Z', 422],
    ['stream=Stdin', 422],
    ['stream=constructor', 422],
    ['stream=Stdout&tailLines=1', 422],
    ['stream=Stdout', 400],
  ];
  for (const [text, status] of cases) t.match(parse(text), { kind: 'refused', status }, text);
  t.match(parse('stream=Stderr', true), { kind: 'ok', query: { stream: 'stderr' } }, 'with the feature gate');
});
