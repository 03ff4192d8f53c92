import t from 'tap';
import {
  chooseSubset,
  formatSpecList,
  parseConformanceList,
  parseSpecList,
  type Spec,
  selectSpecs,
} from './specs.ts';

const LIST = `
- testname: A
  codename: '[sig-node] Pods should be
    updated [NodeConformance] [Conformance]'
  file: test/e2e/common/node/pods.go
- testname: B
  codename: '[sig-apps] Job should run [Serial]'
  file: test/e2e/apps/job.go
`;

t.test('parseConformanceList() knows the SIG and the feature of a spec', async t => {
  t.same(parseConformanceList(LIST), [
    { name: '[sig-node] Pods should be updated [NodeConformance] [Conformance]', sig: 'node', group: 'pods' },
    { name: '[sig-apps] Job should run [Serial]', sig: 'apps', group: 'job' },
  ]);
});

t.test('parseSpecList() reads what formatSpecList() writes, and plain names', async t => {
  const specs = [
    { name: '[sig-apps] b', seconds: 1.5 },
    { name: '[sig-apps] a', seconds: 120 },
  ];
  const text = formatSpecList('# passing\n', specs);
  t.equal(text, '# passing\n 120.0 [sig-apps] a\n   1.5 [sig-apps] b\n');
  t.same(parseSpecList(text), specs.toReversed());
  t.match(parseSpecList('\n[sig-x] plain\n'), [{ name: '[sig-x] plain' }]);
});

t.test('selectSpecs() applies list, focus and skip', async t => {
  const all = parseConformanceList(LIST);
  const names = (filter: Parameters<typeof selectSpecs>[1]) => selectSpecs(all, filter).map(s => s.group);
  t.same(names({}), ['pods', 'job']);
  t.same(names({ focus: /NodeConformance/ }), ['pods']);
  t.same(names({ skip: /Pods/ }), ['job']);
  t.same(names({ list: [{ name: '[sig-z] unheard of', seconds: 1 }] }), ['other']);
});

t.test('chooseSubset() takes from every group before it takes more from one', async t => {
  const spec = (group: string, number: number): Spec => ({
    name: `${group} ${number}`,
    sig: 'node',
    group,
  });
  const specs = [spec('a', 1), spec('a', 2), spec('a', 3), spec('b', 1), spec('c', 9)];
  const seconds = new Map(specs.map(({ name }) => [name, Number(name.split(' ')[1]) * 10]));
  const chosen = chooseSubset(specs, seconds, { budgetSeconds: 40, procs: 1 });
  t.same(
    chosen.map(({ name }) => name),
    ['a 1', 'b 1', 'a 2'],
  );
  t.equal(chooseSubset(specs, seconds, { budgetSeconds: 80, procs: 2 }).length, 5);
});
