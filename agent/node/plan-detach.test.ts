import t from 'tap';
import { buildConflist } from '../../cni/build-conflist.ts';
import { type CachedAttachment, planDetach } from './plan-detach.ts';

const CONFIG = buildConflist({
  podCIDRs: ['10.244.0.0/24'],
  bridgeName: 'cni0',
  mtu: 0,
  hasBandwidth: true,
});
const PORTS = [{ HostPort: 8181, ContainerPort: 8080, Protocol: 'tcp', HostIP: '' }];
const ATTACHMENT: CachedAttachment = {
  containerId: 'abc',
  ifName: 'eth0',
  networkName: 'nodelet',
  config: btoa(CONFIG),
  cniArgs: [
    ['IgnoreUnknown', '1'],
    ['K8S_POD_NAME', 'web'],
  ],
  capabilityArgs: { portMappings: PORTS, dns: {} },
  result: { cniVersion: '1.0.0', ips: [{ address: '10.244.0.17/24' }] },
};

t.test('planDetach() runs the plugins backwards, each with what it is capable of', async t => {
  const calls = planDetach(ATTACHMENT, ['/opt/cni/bin', '/usr/lib/cni']);
  t.same(
    calls.map(({ type }) => type),
    ['bandwidth', 'portmap', 'bridge'],
  );
  const [bandwidth, portmap, bridge] = calls.map(({ input }) => JSON.parse(input) as object);
  const common = { name: 'nodelet', cniVersion: '1.0.0', prevResult: ATTACHMENT.result };
  t.match(portmap, { ...common, type: 'portmap', runtimeConfig: { portMappings: PORTS } });
  t.match(bridge, { ...common, ipam: { type: 'host-local' } });
  t.notOk(Object.hasOwn(bandwidth ?? {}, 'runtimeConfig'), 'nothing was asked of it');
  t.same(calls[0]?.env, {
    CNI_COMMAND: 'DEL',
    CNI_CONTAINERID: 'abc',
    CNI_NETNS: '',
    CNI_IFNAME: 'eth0',
    CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=web',
    CNI_PATH: '/opt/cni/bin:/usr/lib/cni',
  });
});
