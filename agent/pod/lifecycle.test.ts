import t from 'tap';
import { emptyObservedPod, type ObservedPod } from '../runtime/observed-pod.ts';
import type { DesiredPod } from './desired-pod.ts';
import { nextLifecycle, nextTermination } from './lifecycle.ts';

const stopped = emptyObservedPod('u', 'n', 'p');
const running: ObservedPod = {
  ...stopped,
  sandboxes: [
    {
      id: 's',
      attempt: 0,
      isReady: true,
      createdAtMs: 1,
      podIPs: [],
      isHostNetwork: true,
      runtimeHandler: '',
    },
  ],
};

function makeDesired(metadata: Partial<DesiredPod['pod']['metadata']> = {}, phase = 'Running'): DesiredPod {
  return {
    source: 'api',
    pod: {
      metadata: { name: 'p', uid: 'u', ...metadata },
      spec: { containers: [], terminationGracePeriodSeconds: 30 },
      status: { phase },
    },
  };
}

t.test('nextLifecycle() goes forward only', async t => {
  const deleted = makeDesired({ deletionTimestamp: '2026-01-01T00:00:00Z' });
  t.equal(nextLifecycle('syncing', makeDesired(), running, false), 'syncing');
  t.equal(nextLifecycle('syncing', deleted, running, false), 'terminating');
  t.equal(nextLifecycle('syncing', undefined, running, false), 'terminating', 'an orphan');
  t.equal(nextLifecycle('syncing', makeDesired({}, 'Failed'), running, false), 'terminating');
  t.equal(nextLifecycle('syncing', makeDesired(), running, true), 'terminating', 'all containers have ended');
  t.equal(nextLifecycle('syncing', deleted, stopped, false), 'terminated', 'nothing to stop');
  t.equal(nextLifecycle('terminating', makeDesired(), running, false), 'terminating', 'never back');
  t.equal(nextLifecycle('terminated', makeDesired(), running, false), 'terminated', 'never back');
});

t.test('nextTermination() lets the grace only shrink', async t => {
  const grace = (known: number | undefined, asked: number | undefined): number =>
    nextTermination(
      known === undefined ? undefined : { gracePeriodSeconds: known },
      makeDesired(asked === undefined ? {} : { deletionGracePeriodSeconds: asked }),
      undefined,
    ).gracePeriodSeconds;
  t.equal(grace(undefined, undefined), 30, 'the spec decides');
  t.equal(grace(undefined, 5), 5);
  t.equal(grace(undefined, 60), 60, 'a first request may be longer than the spec');
  t.equal(grace(5, 60), 5, 'a later one may not');
  t.equal(grace(30, 2), 2);
  t.equal(grace(30, 0), 1, 'never under a second');
  t.equal(nextTermination(undefined, undefined, undefined).gracePeriodSeconds, 1, 'an orphan');
  t.equal(
    nextTermination(undefined, undefined, 20).gracePeriodSeconds,
    20,
    'force delete: the last known spec',
  );
});
