import t from 'tap';
import type { Container, PodSpec } from '../api/objects.ts';
import { isRestartedAfterExit, isRestartedAfterStop } from './restart-policy.ts';

const container: Container = { name: 'c', image: 'i' };
const spec: PodSpec = { containers: [container] };
const rule = (operator: string, ...values: number[]) => ({
  action: 'Restart',
  exitCodes: { operator, values },
});

const ROWS: readonly (readonly [string, string | undefined, Partial<Container>, number, boolean])[] = [
  ['the default is Always', undefined, {}, 0, true],
  ['OnFailure after success', 'OnFailure', {}, 0, false],
  ['OnFailure after a failure', 'OnFailure', {}, 1, true],
  ['Never', 'Never', {}, 1, false],
  ['its own policy comes before that of the pod', 'Always', { restartPolicy: 'Never' }, 1, false],
  [
    'a rule that matches',
    'Never',
    { restartPolicy: 'Never', restartPolicyRules: [rule('In', 3, 42)] },
    42,
    true,
  ],
  [
    'a rule that does not',
    'Never',
    { restartPolicy: 'Never', restartPolicyRules: [rule('In', 3)] },
    42,
    false,
  ],
  [
    'a rule by exclusion',
    'Never',
    { restartPolicy: 'Never', restartPolicyRules: [rule('NotIn', 3)] },
    42,
    true,
  ],
];

for (const [name, restartPolicy, changes, exitCode, expected] of ROWS) {
  t.test(`isRestartedAfterExit(): ${name}`, async t => {
    const pod = { ...spec, ...(restartPolicy === undefined ? {} : { restartPolicy }) };
    t.equal(isRestartedAfterExit(pod, { ...container, ...changes }, exitCode), expected);
  });
}

t.test('isRestartedAfterStop() asks no rule', async t => {
  const own = { ...container, restartPolicy: 'Never', restartPolicyRules: [rule('NotIn', 0)] };
  t.equal(isRestartedAfterStop(spec, own), false);
  t.equal(isRestartedAfterStop(spec, container), true);
});
