import t from 'tap';
import { planLogCleanup, planRotationTime } from './plan-log-rotation.ts';
import { selectRotatedLogs } from './rotated-logs.ts';

const plain = (path: string) => ({ path, isCompressed: false });
const packed = (path: string) => ({ path, isCompressed: true });

void t.test('planLogCleanup()', async t => {
  const cases = [
    { name: 'nothing rotated', rotated: [], remove: [], compress: [] },
    { name: 'the newest stays as it is', rotated: [plain('a')], remove: [], compress: [] },
    { name: 'older ones are packed', rotated: [plain('a'), plain('b')], remove: [], compress: ['a'] },
    { name: 'packed ones are left', rotated: [packed('a'), plain('b')], remove: [], compress: [] },
    {
      name: 'too many: the oldest go and are not packed before',
      rotated: [plain('a'), packed('b'), plain('c'), plain('d'), plain('e')],
      remove: ['a', 'b'],
      compress: ['c', 'd'],
    },
  ];
  for (const { name, rotated, remove, compress } of cases) {
    t.strictSame(planLogCleanup(rotated, 4), { remove, compress }, name);
  }
  t.strictSame(
    planLogCleanup([plain('a'), plain('b')], 2),
    { remove: ['a'], compress: [] },
    'two files at least',
  );
});

void t.test('planRotationTime() never goes back', async t => {
  const now = new Date(2026, 0, 2, 3, 4, 5);
  t.equal(planRotationTime(now, undefined), '20260102-030405');
  t.equal(planRotationTime(now, '20260102-030404'), '20260102-030405');
  t.equal(planRotationTime(now, '20260102-030405'), '20260102-030406');
  t.equal(planRotationTime(now, '20261231-235959'), '20270101-000000', 'a clock that was set back');
});

void t.test('selectRotatedLogs() takes only what rotation made, oldest first', async t => {
  const names = [
    '0.log',
    '0.log.20260102-030406',
    '0.log.20260102-030405.gz',
    '0.log.20260102-030404.gz.tmp',
    '10.log.20260102-030405',
    '0.log.bak',
  ];
  t.strictSame(selectRotatedLogs(names, '0.log'), [
    packed('0.log.20260102-030405.gz'),
    plain('0.log.20260102-030406'),
  ]);
});

void t.test('selectRotatedLogs() prefers the whole file where packing was cut short', async t => {
  const names = ['0.log.20260102-030405', '0.log.20260102-030405.gz'];
  t.strictSame(selectRotatedLogs(names, '0.log'), [plain('0.log.20260102-030405')]);
});
