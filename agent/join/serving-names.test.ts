import t from 'tap';
import { servingNames } from './serving-names.ts';

t.test('servingNames() has each address once, by what it is', async t => {
  const addresses = [
    { type: 'Hostname', address: 'worker-1' },
    { type: 'InternalDNS', address: 'worker-1' },
    { type: 'InternalIP', address: '10.0.0.7' },
    { type: 'ExternalIP', address: '192.0.2.7' },
  ];
  t.strictSame(servingNames(addresses), { dnsNames: ['worker-1'], ips: ['10.0.0.7', '192.0.2.7'] });
  t.strictSame(servingNames([{ type: 'Hostname', address: '10.0.0.7' }]), {
    dnsNames: [],
    ips: ['10.0.0.7'],
  });
});

t.test('servingNames() waits for an address', async t => {
  t.equal(servingNames([{ type: 'Hostname', address: 'worker-1' }]), undefined);
});
