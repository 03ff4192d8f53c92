import t from 'tap';
import { buildContainerHash, containerLogLink } from './naming.ts';

t.test('buildContainerHash() gives the value a real kubelet writes', async t => {
  t.equal(buildContainerHash({ name: 'test_container', image: 'foo/image:v1' }), '8e45cbd0');
});

t.test('containerLogLink() cuts the name so that the file name stays legal', async t => {
  const link = containerLogLink(
    '/var/log/containers',
    { namespace: 'n', name: 'p'.repeat(240) },
    'c',
    'f'.repeat(64),
  );
  t.equal(link.length, '/var/log/containers/'.length + 255);
  t.ok(link.endsWith('.log'));
});
