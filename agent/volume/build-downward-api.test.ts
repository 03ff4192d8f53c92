import t from 'tap';
import type { Pod } from '../api/objects.ts';
import {
  buildDownwardAPIFiles,
  buildObjectField,
  buildResourceField,
  formatMap,
} from './build-downward-api.ts';

const pod: Pod = {
  metadata: {
    name: 'web-1',
    namespace: 'shop',
    uid: 'u-1',
    labels: { app: 'web', 'example.com/tier': 'front' },
    annotations: { note: 'line one\nline "two"' },
  },
  spec: {
    containers: [
      {
        name: 'main',
        image: 'i',
        resources: {
          limits: { cpu: '1250m', memory: '100Mi' },
          requests: { cpu: '250m', 'hugepages-2Mi': '4Mi' },
        },
      },
      { name: 'plain', image: 'i' },
    ],
    initContainers: [{ name: 'init', image: 'i', resources: { limits: { memory: '1Gi' } } }],
  },
};
const allocatable = { cpu: '3920m', memory: '8Gi', 'ephemeral-storage': '10G' };

t.test('buildObjectField()', async t => {
  const rows: [string, string][] = [
    ['metadata.name', 'web-1'],
    ['metadata.namespace', 'shop'],
    ['metadata.uid', 'u-1'],
    ["metadata.labels['example.com/tier']", 'front'],
    ["metadata.labels['missing']", ''],
    ["metadata.labels['constructor']", ''],
    ["metadata.annotations['note']", 'line one\nline "two"'],
    ['metadata.labels', 'app="web"\nexample.com/tier="front"'],
    ['metadata.annotations', 'note="line one\\nline \\"two\\""'],
  ];
  for (const [path, value] of rows) t.same(buildObjectField(path, pod), { kind: 'value', value }, path);
  t.match(buildObjectField('status.podIP', pod), {
    kind: 'failed',
    problem: 'unsupported fieldPath: status.podIP',
  });
});

t.test('formatMap() quotes as Go does', async t => {
  const rows: [string, string][] = [
    ['tab\there', '"tab\\there"'],
    ['back\\slash', '"back\\\\slash"'],
    ['bell\u0007', '"bell\\a"'],
    ['nul\0', '"nul\\x00"'],
    ['del\u007f', '"del\\x7f"'],
    ['ümlaut ☃ 🙂', '"ümlaut ☃ 🙂"'],
    ['nbsp\u00a0', '"nbsp\\u00a0"'],
    ['zero\u200bwidth', '"zero\\u200bwidth"'],
    ['private\u{f0000}', '"private\\U000f0000"'],
  ];
  for (const [value, quoted] of rows) t.equal(formatMap({ k: value }), `k=${quoted}`);
  t.equal(formatMap({}), '');
});

t.test('buildResourceField()', async t => {
  const rows: [string, string, string | undefined, string][] = [
    ['main', 'limits.cpu', undefined, '2'],
    ['main', 'limits.cpu', '0', '2'],
    ['main', 'limits.cpu', '1m', '1250'],
    ['main', 'requests.cpu', '100m', '3'],
    ['main', 'limits.memory', undefined, '104857600'],
    ['main', 'limits.memory', '1Mi', '100'],
    ['main', 'limits.memory', '1M', '105'],
    ['main', 'requests.memory', undefined, '0'],
    ['main', 'requests.hugepages-2Mi', '1Mi', '4'],
    ['plain', 'limits.hugepages-2Mi', undefined, '0'],
    ['plain', 'limits.cpu', undefined, '4'],
    ['plain', 'limits.memory', '1Gi', '8'],
    ['plain', 'limits.ephemeral-storage', undefined, '10000000000'],
    ['plain', 'requests.cpu', undefined, '0'],
    ['init', 'limits.memory', '1Mi', '1024'],
  ];
  for (const [containerName, resource, divisor, value] of rows) {
    const ref = { containerName, resource, ...(divisor !== undefined && { divisor }) };
    t.same(
      buildResourceField(ref, pod, allocatable),
      { kind: 'value', value },
      `${containerName} ${resource}`,
    );
  }
  t.match(buildResourceField({ containerName: 'no', resource: 'limits.cpu' }, pod, {}), {
    problem: /no not found/,
  });
  t.match(buildResourceField({ containerName: 'main', resource: 'limits.gpu' }, pod, {}), {
    problem: 'unsupported container resource : limits.gpu',
  });
});

t.test('buildDownwardAPIFiles() collects every problem', async t => {
  const outcome = buildDownwardAPIFiles(
    {
      defaultMode: 0o644,
      items: [
        { path: 'ok', fieldRef: { fieldPath: 'metadata.name' } },
        { path: 'x', fieldRef: { fieldPath: 'nope' } },
        { path: 'y', resourceFieldRef: { containerName: 'main', resource: 'nope' } },
      ],
    },
    pod,
    allocatable,
  );
  t.match(outcome, {
    kind: 'failed',
    problems: ['unsupported fieldPath: nope', 'unsupported container resource : nope'],
  });
});
