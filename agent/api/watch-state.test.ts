import t from 'tap';
import { DeniedError, ExpiredError, InvalidError, UnavailableError } from '../lib/errors.ts';
import { nextWatchState, type WatchOutcome, type WatchState } from './watch-state.ts';

const streaming: WatchState = { kind: 'streaming' };
const listing: WatchState = { kind: 'listing' };
const watching: WatchState = { kind: 'watching', resourceVersion: '7' };

function failed(error: unknown, lastedMs = 60_000): WatchOutcome {
  return { kind: 'failed', error, lastedMs };
}

const expired = new ExpiredError('too old', { code: 'Expired' });
const invalid = new InvalidError('sendInitialEvents is forbidden', { code: 'Invalid' });
const denied = new DeniedError('no', { code: 'Forbidden' });
const untrusted = new DeniedError('wrong CA', { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
const lost = new UnavailableError('lost', { code: 'ConnectionLost' });
const busy = new UnavailableError('busy', { code: 'TooManyRequests', retryAfterMs: 5000 });

const rows: readonly [string, WatchState, WatchOutcome, boolean, WatchState, string, boolean][] = [
  [
    'follows the stream once it is complete',
    streaming,
    { kind: 'synced', resourceVersion: '9' },
    true,
    { kind: 'watching', resourceVersion: '9' },
    'none',
    false,
  ],
  [
    'watches after the last page',
    listing,
    { kind: 'synced', resourceVersion: '9' },
    false,
    { kind: 'watching', resourceVersion: '9' },
    'none',
    false,
  ],
  [
    'resumes at once after a usual end',
    watching,
    { kind: 'ended', lastedMs: 400_000, hadEvents: false },
    true,
    watching,
    'none',
    false,
  ],
  [
    'backs off from a watch that ends at once and empty',
    watching,
    { kind: 'ended', lastedMs: 10, hadEvents: false },
    true,
    watching,
    'backoff',
    true,
  ],
  [
    'starts a list again that ended half-way',
    streaming,
    { kind: 'ended', lastedMs: 10_000, hadEvents: true },
    true,
    streaming,
    'backoff',
    true,
  ],
  ['resumes after a lost connection', watching, failed(lost), true, watching, 'none', false],
  ['takes a breath when connections do not last', watching, failed(lost, 10), true, watching, 'brief', false],
  ['lists again when the position is too old', watching, failed(expired), true, streaming, 'brief', false],
  [
    'lists in pages again when there are no streams',
    watching,
    failed(expired),
    false,
    listing,
    'brief',
    false,
  ],
  ['backs off when even a list is too old', listing, failed(expired), false, listing, 'backoff', true],
  ['lists in pages when streaming is refused', streaming, failed(invalid), true, listing, 'none', false],
  [
    'lists again when the server calls a watch invalid',
    watching,
    failed(invalid),
    true,
    streaming,
    'backoff',
    true,
  ],
  ['keeps its place while it is denied', watching, failed(denied), true, watching, 'backoff', true],
  [
    'leaves it to the client to tell of a wrong CA',
    watching,
    failed(untrusted),
    true,
    watching,
    'backoff',
    false,
  ],
  ['keeps its place while the server is busy', watching, failed(busy), true, watching, 'backoff', true],
  ['survives errors of no class', watching, failed(new TypeError('bug')), true, streaming, 'backoff', true],
];

for (const [name, state, outcome, canStream, next, pause, isTrouble] of rows) {
  void t.test(`nextWatchState() ${name}`, async t => {
    const step = nextWatchState(state, outcome, canStream);
    t.strictSame(step.state, next);
    t.equal(step.pause.kind, pause);
    t.equal(step.trouble !== undefined, isTrouble);
  });
}

void t.test('nextWatchState() waits as long as the server asks', async t => {
  t.strictSame(nextWatchState(watching, failed(busy), true).pause, { kind: 'backoff', atLeastMs: 5000 });
});
