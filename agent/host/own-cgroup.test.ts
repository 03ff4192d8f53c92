import t from 'tap';
import { parseOwnCgroup } from './own-cgroup.ts';

t.test('parseOwnCgroup() tells the cgroup whose figures are ours', async t => {
  const service = '/system.slice/nodelet.service';
  const cases = [
    ['version 2', 2, `0::${service}\n`, service],
    ['the root of version 2', 2, '0::/\n', undefined],
    ['version 1', 1, `5:memory:${service}\n3:cpu,cpuacct:${service}\n1:name=systemd:/\n0::/\n`, service],
    [
      'version 1 without accounting',
      1,
      `5:memory:/\n3:cpu,cpuacct:/\n1:name=systemd:${service}\n`,
      undefined,
    ],
    ['hierarchies that do not agree', 1, `5:memory:${service}\n3:cpu,cpuacct:/\n`, undefined],
  ] as const;
  for (const [name, version, text, path] of cases) t.equal(parseOwnCgroup(text, version), path, name);
});
