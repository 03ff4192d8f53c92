import t from 'tap';
import { chooseRange, formatRange, parseRange } from './build-user-namespace.ts';

const settings = { idsPerPod: 65_536, maxPods: 3 };

t.test('chooseRange() gives the first range that no pod has, and never the host its own', async t => {
  const first = chooseRange([], settings);
  t.strictSame(first, { hostId: 65_536, length: 65_536 });
  const third = { hostId: 3 * 65_536, length: 65_536 };
  t.equal(chooseRange([{ hostId: 65_536, length: 65_536 }, third], settings)?.hostId, 2 * 65_536);
  t.equal(chooseRange([{ hostId: 65_536, length: 3 * 65_536 }], settings), undefined, 'all are taken');
});

t.test('parseRange() reads what formatRange() and the kubelet write, and nothing else', async t => {
  const range = { hostId: 131_072, length: 65_536 };
  t.strictSame(parseRange(formatRange(range)), range);
  const mapping = '{"hostId":131072,"containerId":0,"length":65536}';
  t.strictSame(parseRange(`{"uidMappings":[${mapping}],"gidMappings":[${mapping}]}`), range);
  for (const text of [
    '{}',
    `{"uidMappings":[${mapping}]}`,
    `{"uidMappings":[${mapping},${mapping}],"gidMappings":[${mapping}]}`,
    formatRange({ hostId: 0, length: 65_536 }),
    formatRange(range).replace('"containerId":0', '"containerId":1000'),
  ]) {
    t.throws(() => parseRange(text), /invalid user namespace configuration/, text);
  }
});
