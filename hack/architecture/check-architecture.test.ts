import t from 'tap';
import { checkArchitecture } from './check-architecture.ts';

const PAGE = `
# Architecture

\`\`\`
 api watch --> pod/worker --> planPod(desired, observed)
\`\`\`

| folder | may import |
| --- | --- |
| \`lib\` | \`node:\` modules only |
| \`config\`, \`api\`, \`cri\`, \`host\` (edges) | \`lib\` (+ \`cri-proto\` for \`cri\`, config and cri-proto types for all); never each other |
| \`runtime\`, \`status\` | edges, \`lib\`, types of their peers |
| \`pod\` | all of the above: it is the conductor |
| \`server\` | read-only views of \`pod\`, \`runtime\`; \`cri\` for streaming |
| \`cli\` | whatever its command needs; nobody imports \`cli\` but \`main.ts\` |
| any \`plan*.ts\`, \`build*.ts\` | types and pure helpers only |
| \`main.ts\` | everything; nobody imports \`main.ts\` |
`;

const GOOD = { path: 'agent/pod/worker.ts', source: "import { a } from '../status/a.ts';\n" };

t.test('checkArchitecture() is content with code that follows the table', async t => {
  t.same(checkArchitecture(PAGE, [GOOD]), []);
});

const CASES: readonly (readonly [path: string, source: string, expected: string | undefined])[] = [
  ['agent/api/x.ts', "import { a } from '../lib/a.ts';", undefined],
  ['agent/api/x.ts', "import { a } from '../host/a.ts';", 'api may not import host'],
  ['agent/api/x.ts', "import type { A } from '../host/a.ts';", 'api may not import types of host'],
  ['agent/api/x.ts', "import type { A } from '../config/config.ts';", undefined],
  ['agent/api/x.ts', "import { type A, type B } from '../config/config.ts';", undefined],
  ['agent/api/x.ts', "import { type A, b } from '../config/config.ts';", 'api may not import config'],
  ['agent/cri/x.ts', "import { a } from '../../cri-proto/a.ts';", undefined],
  ['agent/host/x.ts', "import { a } from '../../cri-proto/a.ts';", 'host may not import cri-proto'],
  ['agent/pod/x.ts', "import type { A } from '../../cri-proto/a.ts';", undefined],
  ['agent/status/x.ts', "import type { A } from '../runtime/a.ts';", undefined],
  ['agent/status/x.ts', "export { a } from '../runtime/a.ts';", 'status may not import runtime'],
  ['agent/status/x.ts', "import {\n  a,\n} from '../pod/a.ts';", 'status may not import pod'],
  ['agent/status/x.ts', "const a = await import('../pod/a.ts');", 'status may not import pod'],
  ['agent/server/x.ts', "import { a } from '../cri/a.ts';", undefined],
  ['agent/pod/x.ts', "import { a } from '../cli/a.ts';", 'only main.ts imports cli'],
  ['agent/pod/x.ts', "import { a } from '../main.ts';", 'nobody imports main.ts'],
  ['agent/main.ts', "import { a } from './cli/a.ts';", undefined],
  ['agent/cli/x.ts', "import packageJson from '../../package.json' with { type: 'json' };", undefined],
  ['agent/pod/plan.ts', "import { join } from 'node:path';", 'a plan or a builder is pure: no node:path'],
  ['agent/pod/plan.ts', "import type { Stats } from 'node:fs';", undefined],
];

t.test('checkArchitecture() names each import that the table forbids', async t => {
  for (const [path, source, expected] of CASES) {
    const problems = checkArchitecture(PAGE, [GOOD, { path, source }]);
    t.same(problems, expected === undefined ? [] : [`${path}:1: ${expected}`], `${path}: ${source}`);
  }
});

t.test('checkArchitecture() asks the page to show what is there', async t => {
  t.same(checkArchitecture(PAGE, [GOOD, { path: 'agent/proxy/x.ts', source: '' }]), [
    'agent/README.md: the table does not name agent/proxy',
  ]);
  t.same(checkArchitecture(PAGE, [{ path: 'agent/pod/other.ts', source: '' }]), [
    'agent/README.md: the diagram names pod/worker, but there is no agent/pod/worker.ts',
  ]);
  t.same(checkArchitecture('', []), ['agent/README.md: no table `| folder | may import |`']);
});

t.test('checkArchitecture() lets tests import what they like', async t => {
  const test = { path: 'agent/lib/x.test.ts', source: "import { a } from '../pod/a.ts';" };
  t.same(checkArchitecture(PAGE, [GOOD, test]), []);
});
