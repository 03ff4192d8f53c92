import t from 'tap';
import type { Probe } from '../api/objects.ts';
import { buildContainerSpecs, type ProbeSpec, type ProbeType } from './probe-spec.ts';
import {
  beginProbe,
  isCounted,
  nextRunAtMs,
  type ProbeState,
  recordRun,
  settleProbe,
} from './probe-state.ts';

const NEVER = Number.POSITIVE_INFINITY;

function spec(type: ProbeType, probe: Probe = {}): ProbeSpec {
  const handler = { tcpSocket: { port: 80 }, ...probe };
  const container = { name: 'c', image: 'i', [`${type}Probe`]: handler };
  const [specs] = buildContainerSpecs({ metadata: { name: 'p' }, spec: { containers: [container] } });
  const found = specs?.[type];
  if (!found) throw new Error(`no ${type} probe`);
  return found;
}

interface Start {
  readonly startedAtMs?: number;
  readonly openedAtMs?: number;
  readonly nowMs?: number;
}

function begin(probe: ProbeSpec, { startedAtMs = 0, openedAtMs, nowMs = 0 }: Start = {}): ProbeState {
  const start = { startedAtMs, openedAtMs: openedAtMs ?? startedAtMs, nowMs, adopted: undefined };
  return beginProbe(probe, start);
}

interface Run {
  readonly atMs: number;
  readonly isCounted: boolean;
  readonly verdict: string;
}

/** Plays results (`+` passed, `-` failed, `?` said nothing) on a clock that jumps from run to run. */
function play(probe: ProbeSpec, results: string, start: Start & { readonly tookMs?: number } = {}): Run[] {
  let state = begin(probe, start);
  const runs: Run[] = [];
  for (const result of results) {
    const startedAtMs = nextRunAtMs(state);
    if (startedAtMs === NEVER) break;
    const wasCounted = isCounted(state, startedAtMs);
    const isSuccess = result === '?' ? undefined : result === '+';
    state = recordRun(probe, state, { wasCounted, isSuccess }, startedAtMs + (start.tookMs ?? 0));
    runs.push({ atMs: startedAtMs, isCounted: wasCounted, verdict: state.verdict });
  }
  return runs;
}

const countedAt = (runs: readonly Run[]): number[] =>
  runs.filter(({ isCounted }) => isCounted).map(({ atMs }) => atMs);
const verdicts = (runs: readonly Run[]): string[] => runs.map(({ verdict }) => verdict);

t.test('the verdict before any result is the kubelet’s', async t => {
  t.equal(begin(spec('startup')).verdict, 'unknown');
  t.equal(begin(spec('liveness')).verdict, 'success');
  t.equal(begin(spec('readiness')).verdict, 'failure');
});

t.test('liveness', async t => {
  await t.test('begins a period after the start and fails at the threshold', async t => {
    const runs = play(spec('liveness', { periodSeconds: 2, failureThreshold: 3 }), '---+');
    t.same(countedAt(runs), [2000, 4000, 6000]);
    t.same(verdicts(runs), ['success', 'success', 'failure'], 'then it is on hold');
  });
  await t.test('a pass in between starts the count anew', async t => {
    const runs = play(spec('liveness', { failureThreshold: 2 }), '-+-+--');
    t.same(verdicts(runs), ['success', 'success', 'success', 'success', 'success', 'failure']);
  });
  await t.test('what says nothing does not count', async t => {
    const runs = play(spec('liveness', { failureThreshold: 2 }), '-??-');
    t.same(verdicts(runs), ['success', 'success', 'success', 'failure']);
    t.same(countedAt(runs), [10_000, 20_000, 30_000, 40_000]);
  });
  await t.test('waits for the initial delay, counted from the start of the container', async t => {
    t.same(
      countedAt(play(spec('liveness', { initialDelaySeconds: 15 }), '+', { startedAtMs: 500 })),
      [15_500],
    );
    const late = { startedAtMs: 500, nowMs: 40_000 };
    t.same(countedAt(play(spec('liveness', { initialDelaySeconds: 15 }), '+', late)), [40_000]);
  });
  await t.test('begins a period after the startup probe has passed', async t => {
    const probe = spec('liveness', { initialDelaySeconds: 1 });
    t.same(countedAt(play(probe, '+', { startedAtMs: 0, openedAtMs: 70_000, nowMs: 70_000 })), [80_000]);
  });
  await t.test('has no early runs', async t => {
    t.ok(play(spec('liveness'), '+-+-').every(({ isCounted }) => isCounted));
  });
});

t.test('the grid', async t => {
  const probe = spec('liveness', { periodSeconds: 1 });
  await t.test('is not shifted by slow runs', async t => {
    t.same(countedAt(play(probe, '++++', { tookMs: 900 })), [1000, 2000, 3000, 4000]);
  });
  await t.test('makes up for one missed point, not for more', async t => {
    const state = begin(probe);
    const after = recordRun(probe, state, { wasCounted: true, isSuccess: true }, 4700);
    t.equal(nextRunAtMs(after), 4000, 'at once');
    t.equal(nextRunAtMs(recordRun(probe, after, { wasCounted: true, isSuccess: true }, 4800)), 5000);
  });
});

t.test('readiness', async t => {
  await t.test('is looked at when the container has started, and its delay is over', async t => {
    t.equal(nextRunAtMs(begin(spec('readiness'), { startedAtMs: 100, nowMs: 150 })), 150);
    t.equal(nextRunAtMs(begin(spec('readiness', { initialDelaySeconds: 5 }), { startedAtMs: 100 })), 5100);
    t.equal(nextRunAtMs(begin(spec('readiness'), { openedAtMs: 900, nowMs: 900 })), 900, 'after startup');
  });
  await t.test('is looked at again soon while it has never been ready', async t => {
    const runs = play(spec('readiness'), '----+-');
    t.same(
      runs.map(({ atMs }) => atMs),
      [0, 50, 150, 350, 750, 10_000],
    );
    t.same(countedAt(runs), [0, 10_000], 'beside the grid');
    t.same(verdicts(runs), ['failure', 'failure', 'failure', 'failure', 'success', 'success']);
  });
  await t.test('the early looks end with the period', async t => {
    const early = play(spec('readiness', { periodSeconds: 1 }), '-'.repeat(20)).filter(run => !run.isCounted);
    t.ok(early.length <= 6, `${early.length}`);
    const exec = { exec: { command: ['true'] } };
    t.equal(
      play(spec('readiness', { periodSeconds: 1, ...exec }), '-'.repeat(9)).filter(run => !run.isCounted)
        .length,
      0,
    );
  });
  await t.test('has as many successes as asked for, a period apart', async t => {
    const runs = play(spec('readiness', { successThreshold: 3, periodSeconds: 2 }), '+++');
    t.same(countedAt(runs), [0, 2000, 4000]);
    t.same(verdicts(runs), ['failure', 'failure', 'success']);
  });
  await t.test('goes and comes back', async t => {
    const runs = play(spec('readiness', { failureThreshold: 2 }), '+--+');
    t.same(verdicts(runs), ['success', 'success', 'failure', 'success']);
    t.same(countedAt(runs), [0, 10_000, 20_000, 30_000]);
  });
});

t.test('startup', async t => {
  await t.test('a pass decides, as early as it comes', async t => {
    const runs = play(spec('startup'), '--+--');
    t.same(
      runs.map(({ atMs }) => atMs),
      [0, 50, 150],
    );
    t.same(verdicts(runs), ['unknown', 'unknown', 'success'], 'then it is on hold');
  });
  await t.test('failures count a period after the start, no sooner', async t => {
    const runs = play(spec('startup', { failureThreshold: 2, periodSeconds: 1 }), '-'.repeat(30));
    t.same(countedAt(runs), [1000, 2000]);
    t.equal(runs.at(-1)?.verdict, 'failure', 'then it is on hold');
  });
  await t.test('nothing runs before the initial delay', async t => {
    const runs = play(spec('startup', { initialDelaySeconds: 30, failureThreshold: 1 }), '-');
    t.same(runs, [{ atMs: 30_000, isCounted: true, verdict: 'failure' }]);
  });
});

t.test('an instance that ran before the agent', async t => {
  const adopt = (probe: ProbeSpec, verdict: 'success' | 'failure' | 'unknown', spread = 0.5): ProbeState =>
    beginProbe(probe, {
      startedAtMs: -100_000,
      openedAtMs: -100_000,
      nowMs: 0,
      adopted: { verdict, spread },
    });
  await t.test('keeps its verdict, and its first run is spread over the period', async t => {
    const state = adopt(spec('readiness'), 'success');
    t.equal(state.verdict, 'success');
    t.equal(nextRunAtMs(state), 5000);
  });
  await t.test('needs the whole threshold to become unready', async t => {
    const probe = spec('readiness', { failureThreshold: 2 });
    let state = adopt(probe, 'success');
    state = recordRun(probe, state, { wasCounted: true, isSuccess: false }, 5000);
    t.equal(state.verdict, 'success');
    t.equal(nextRunAtMs(state), 15_000, 'with no early look');
    t.equal(recordRun(probe, state, { wasCounted: true, isSuccess: false }, 15_000).verdict, 'failure');
  });
  await t.test('that had started is not asked again', async t => {
    t.equal(nextRunAtMs(adopt(spec('startup'), 'success')), NEVER);
    t.equal(nextRunAtMs(adopt(spec('startup'), 'unknown', 0)), 0);
  });
  await t.test('waits for what is left of the initial delay', async t => {
    t.equal(nextRunAtMs(adopt(spec('liveness', { initialDelaySeconds: 120 }), 'success')), 20_000);
  });
});

t.test('a settled probe says success and never runs', async t => {
  t.equal(settleProbe().verdict, 'success');
  t.equal(nextRunAtMs(settleProbe()), NEVER);
});
