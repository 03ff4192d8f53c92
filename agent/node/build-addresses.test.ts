import t from 'tap';
import { type AddressInputs, buildAddresses, ipFamily } from './build-addresses.ts';

const BASE: AddressInputs = {
  nodeName: 'node-1',
  configuredIPs: [],
  isExternalCloud: false,
  present: [],
  localIPs: ['127.0.0.1', '10.0.0.5', 'fd00::5', '10.9.9.9'],
  resolvedIPs: [],
  defaultRouteIPs: ['10.0.0.5', 'fd00::5'],
};

const ROWS: readonly (readonly [string, Partial<AddressInputs>, readonly string[]])[] = [
  ['the default route', {}, ['10.0.0.5']],
  ['the default route of the family asked for', { configuredIPs: ['::'] }, ['fd00::5']],
  ['what is configured', { configuredIPs: ['10.9.9.9'] }, ['10.9.9.9']],
  ['both families, in order', { configuredIPs: ['fd00::5', '10.0.0.5'] }, ['fd00::5', '10.0.0.5']],
  ['what the name resolves to', { resolvedIPs: ['127.0.1.1', '10.9.9.9'] }, ['10.9.9.9']],
  ['an address that is the name', { nodeName: '10.0.0.5' }, ['10.0.0.5']],
];

for (const [name, change, expected] of ROWS) {
  t.test(`buildAddresses() takes ${name}`, async t => {
    const inputs = { ...BASE, ...change };
    const result = buildAddresses(inputs);
    t.strictSame(result, {
      kind: 'addresses',
      addresses: [
        ...expected.map(address => ({ type: 'InternalIP', address })),
        { type: 'Hostname', address: inputs.nodeName },
      ],
    });
  });
}

t.test('buildAddresses() refuses what cannot be a node address', async t => {
  for (const [ip, problem] of [
    ['127.0.0.1', 'loopback'],
    ['169.254.1.1', 'link-local'],
    ['224.0.0.1', 'multicast'],
    ['10.7.7.7', 'not found in the host'],
    ['nonsense', 'valid IP'],
  ] as const) {
    const result = buildAddresses({ ...BASE, configuredIPs: [ip] });
    t.match(result, { kind: 'problem', problem: new RegExp(problem) });
  }
  t.match(buildAddresses({ ...BASE, defaultRouteIPs: [] }), { kind: 'problem' });
});

t.test('buildAddresses() leaves the list to an external cloud provider', async t => {
  const present = [{ type: 'InternalIP', address: '10.1.1.1' }];
  t.strictSame(buildAddresses({ ...BASE, isExternalCloud: true, present }), {
    kind: 'addresses',
    addresses: present,
  });
  t.strictSame(buildAddresses({ ...BASE, isExternalCloud: true }), {
    kind: 'addresses',
    addresses: [{ type: 'Hostname', address: 'node-1' }],
  });
});

t.test('ipFamily() knows addresses', async t => {
  t.strictSame([ipFamily('10.0.0.1'), ipFamily('fd00::1'), ipFamily('web')], [4, 6, undefined]);
});
