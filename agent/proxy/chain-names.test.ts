import t from 'tap';
import { endpointChain, portChains } from './chain-names.ts';
import type { Endpoint, ServicePort } from './service-port.ts';

const PORT: ServicePort = {
  namespace: 'ns1',
  service: 'svc1',
  portName: 'p80',
  protocol: 'tcp',
  clusterIP: '172.30.0.41',
  port: 80,
  nodePort: 0,
  externalIPs: [],
  loadBalancerVIPs: [],
  loadBalancerSourceRanges: [],
  affinitySeconds: undefined,
  isInternalPolicyLocal: false,
  isExternalPolicyLocal: false,
  healthCheckNodePort: 0,
};

const ENDPOINT: Endpoint = {
  address: '10.180.0.1',
  port: 80,
  isReady: true,
  isServing: true,
  isTerminating: false,
  nodeName: undefined,
  zoneHints: undefined,
  nodeHints: undefined,
};

t.test('chains have the names that kube-proxy gives them', async t => {
  t.equal(portChains(PORT).cluster, 'KUBE-SVC-XPGD46QRK7WJZT7O');
  t.equal(endpointChain(PORT, ENDPOINT), 'KUBE-SEP-SXIVWICOYRO3J4NJ');
  const api = { ...PORT, namespace: 'default', service: 'kubernetes', portName: 'https' };
  t.equal(portChains(api).cluster, 'KUBE-SVC-NPX46M4PTMTKRN6Y');
  const dns: ServicePort = {
    ...PORT,
    namespace: 'kube-system',
    service: 'kube-dns',
    portName: 'dns',
    protocol: 'udp',
  };
  t.equal(portChains(dns).cluster, 'KUBE-SVC-TCOU7JCQXEZGVUNU');
});
