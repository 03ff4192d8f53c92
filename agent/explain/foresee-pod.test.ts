import t from 'tap';
import type { Container, Pod } from '../api/objects.ts';
import { runningContainer } from '../pod/running-container.fixture.ts';
import type { ObservedPod } from '../runtime/observed-pod.ts';
import { foreseePod } from './foresee-pod.ts';

const NOW_MS = 1_000_000;
const web: Container = { name: 'web', image: 'web:1' };
const side: Container = { name: 'side', image: 'side:1' };
const first: Container = { name: 'first', image: 'first:1' };

const POD: Pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: { containers: [web, side], initContainers: [first], restartPolicy: 'Always' },
};

const ended = { state: 'exited', exitCode: 3, finishedAtMs: 3 } as const;
const SANDBOX = {
  id: 's0',
  attempt: 0,
  isReady: true,
  createdAtMs: 1,
  podIPs: ['10.0.0.2'],
  isHostNetwork: false,
  runtimeHandler: '',
};
const HEALTHY: ObservedPod = {
  podUID: 'u',
  namespace: 'n',
  name: 'p',
  isStatic: false,
  sandboxes: [SANDBOX],
  containers: [
    runningContainer(side),
    runningContainer(web),
    runningContainer(first, { ...ended, exitCode: 0 }),
  ],
};

function foresee(pod: Pod | undefined, observed: ObservedPod): readonly string[] {
  const desired = pod && ({ pod, source: 'api' } as const);
  const more = { actuated: undefined, endReason: 'nobody asks', crashBackoffMaxMs: 300_000, nowMs: NOW_MS };
  return foreseePod({ desired, observed, ...more }).map(
    ({ subject, change, why }) => `${subject} ${change}: ${why}`,
  );
}

const NEW_IMAGE = { ...POD, spec: { ...POD.spec, containers: [{ ...web, image: 'web:2' }, side] } };
const NOTHING_HERE: ObservedPod = { ...HEALTHY, sandboxes: [], containers: [] };
const rows: readonly (readonly [
  title: string,
  pod: Pod | undefined,
  observed: ObservedPod,
  expected: readonly string[],
])[] = [
  ['nothing for a pod that is well', POD, HEALTHY, []],
  [
    'a restart for a new image',
    NEW_IMAGE,
    HEALTHY,
    ['n/p web restarts: Container web definition changed, will be restarted'],
  ],
  [
    'an end for what nobody asks for',
    undefined,
    HEALTHY,
    ['n/p side ends: nobody asks', 'n/p web ends: nobody asks'],
  ],
  [
    'a start for what has ended',
    POD,
    {
      ...HEALTHY,
      containers: [
        runningContainer(side),
        runningContainer(web, ended),
        runningContainer(first, { ...ended, exitCode: 0 }),
      ],
    },
    ['n/p web starts: it has ended with exit code 3'],
  ],
  [
    'all starts of a new pod, in their order',
    POD,
    NOTHING_HERE,
    ['first', 'web', 'side'].map(name => `n/p ${name} starts: it has not run here yet`),
  ],
  [
    'a restart of all where the network is gone',
    POD,
    { ...HEALTHY, sandboxes: [{ ...SANDBOX, isReady: false }] },
    [
      'n/p side restarts: Stopping container side',
      'n/p web restarts: Stopping container web',
      'n/p first starts: it has ended with exit code 0',
    ],
  ],
];
for (const [title, pod, observed, expected] of rows) {
  t.test(`foreseePod() tells ${title}`, async t => {
    t.same(foresee(pod, observed), expected);
  });
}
