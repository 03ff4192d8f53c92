import t from 'tap';
import { foreseeSettings } from './foresee-settings.ts';

t.test('foreseeSettings() tells what differs, and where it is said', async t => {
  const said = { origin: '/new.yaml:3', status: 'honoured' };
  const changes = foreseeSettings(
    [
      { path: 'maxPods', value: 110 },
      { path: 'clusterDNS', value: ['10.96.0.10'] },
      { path: 'gone', value: true },
    ],
    [
      { path: 'maxPods', value: 50, ...said },
      { path: 'clusterDNS', value: ['10.96.0.10'], ...said },
      { path: 'new', value: 'x', ...said, status: 'accepted' },
    ],
  );
  t.same(
    changes.map(({ subject, change, why }) => `${subject}: ${change} (${why})`),
    [
      'gone: true -> not set (not said any more)',
      'maxPods: 110 -> 50 (/new.yaml:3)',
      'new: not set -> "x" (/new.yaml:3; has no effect yet)',
    ],
  );
});
