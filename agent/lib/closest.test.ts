import t from 'tap';
import { closest } from './closest.ts';

const NAMES = ['maxPods', 'podsPerCore', 'clusterDNS', 'clusterDomain', 'evictionHard', 'port'];

t.test('closest() finds the name that was meant', async t => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['maxPod', 'maxPods'],
    ['mxaPods', 'maxPods'],
    ['MAXPODS', 'maxPods'],
    ['clusterDns', 'clusterDNS'],
    ['evictionhrad', 'evictionHard'],
    ['prt', 'port'],
    ['somethingElse', undefined],
    ['x', undefined],
  ];
  for (const [word, expected] of cases) t.equal(closest(word, NAMES), expected, word);
});
