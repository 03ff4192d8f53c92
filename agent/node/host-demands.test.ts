import t from 'tap';
import { checkHostDemands } from './host-demands.ts';

t.test('failCgroupV1 keeps the agent from a machine with version 1', async t => {
  const check = (failCgroupV1: boolean, cgroupVersion: 1 | 2, singleProcessOOMKill?: boolean) =>
    checkHostDemands(
      { runtime: { failCgroupV1, failSwapOn: false }, pods: { singleProcessOOMKill } },
      { cgroupVersion },
    );
  await t.rejects(check(true, 1), { code: 'CgroupV1', message: /failCgroupV1: false/ });
  await t.resolves(check(true, 2));
  await t.resolves(check(false, 1));
  await t.resolves(check(false, 1, true));
  await t.rejects(check(false, 1, false), { message: /^singleProcessOOMKill: false needs/ });
});
