// Files as the installers write them have to be taken as they are.

import t from 'tap';
import type { Config } from './config.ts';
import type { FlagValue } from './flags.ts';
import { parseConfig } from './load-config.ts';
import { formatProblem } from './origin.ts';

function configOf(texts: readonly string[], flags: Readonly<Record<string, string>>): Config {
  const loaded = parseConfig({
    files: texts.map((text, index) => ({ path: `/var/lib/kubelet/${index}.yaml`, text })),
    flags: Object.entries(flags).map(([name, value]): FlagValue => ({ name, values: [value] })),
    workingDir: '/',
    hostname: 'worker',
  });
  if (loaded.kind === 'invalid') throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.config;
}

// kubeadm v1.36, `kubeadm config print init-defaults --component-configs KubeletConfiguration`
const KUBEADM = `
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 0s
    enabled: true
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
authorization:
  mode: Webhook
  webhook:
    cacheAuthorizedTTL: 0s
    cacheUnauthorizedTTL: 0s
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
clusterDomain: cluster.local
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
crashLoopBackOff: {}
evictionPressureTransitionPeriod: 0s
fileCheckFrequency: 0s
healthzBindAddress: 127.0.0.1
healthzPort: 10248
httpCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
kind: KubeletConfiguration
logging:
  flushFrequency: 0
  options:
    json:
      infoBufferSize: "0"
    text:
      infoBufferSize: "0"
  verbosity: 0
memorySwap: {}
nodeStatusReportFrequency: 0s
nodeStatusUpdateFrequency: 0s
rotateCertificates: true
runtimeRequestTimeout: 0s
shutdownGracePeriod: 0s
shutdownGracePeriodCriticalPods: 0s
staticPodPath: /etc/kubernetes/manifests
streamingConnectionIdleTimeout: 0s
syncFrequency: 0s
volumeStatsAggPeriod: 0s
`;

t.test('parseConfig() takes what kubeadm writes', async t => {
  const { node, server, runtime, pods } = configOf([KUBEADM], {
    kubeconfig: '/etc/kubernetes/kubelet.conf',
    'bootstrap-kubeconfig': '/etc/kubernetes/bootstrap-kubelet.conf',
    'container-runtime-endpoint': 'unix:///run/containerd/containerd.sock',
    'pod-infra-container-image': 'registry.k8s.io/pause:3.9',
  });
  t.equal(runtime.cgroupDriver, 'systemd');
  t.equal(runtime.endpoint, 'unix:///run/containerd/containerd.sock');
  t.equal(runtime.requestTimeoutMs, 120_000, 'a zero duration is the default');
  t.equal(node.statusReportFrequencyMs, 300_000);
  t.same(pods.clusterDNS, ['10.96.0.10']);
  t.equal(pods.staticPodPath, '/etc/kubernetes/manifests');
  t.equal(pods.crashLoopBackOffMaxMs, 300_000);
  t.equal(server.clientCAFile, '/etc/kubernetes/pki/ca.crt');
  t.equal(server.webhookAuthenticationCacheTTLMs, 120_000);
});

// kind patches kubeadm's file.
const KIND = `${KUBEADM.replace('cgroupDriver: systemd', 'cgroupDriver: systemd\ncgroupRoot: /kubelet')}
failSwapOn: false
imageGCHighThresholdPercent: 100
evictionHard:
  imagefs.available: 0%
  nodefs.available: 0%
  nodefs.inodesFree: 0%
`;

t.test('parseConfig() takes what kind writes', async t => {
  const { runtime, images, eviction, node } = configOf([KIND], {
    kubeconfig: '/etc/kubernetes/kubelet.conf',
    'node-ip': '172.18.0.3',
    'node-labels': '',
    'provider-id': 'kind://docker/kind/kind-worker',
    'runtime-cgroups': '/system.slice/containerd.service',
  });
  t.equal(runtime.cgroupRoot, '/kubelet');
  t.equal(runtime.failSwapOn, false);
  t.equal(images.gcHighThresholdPercent, 100);
  t.same(eviction.hard, {}, '0% is no threshold, and the other defaults are gone');
  t.same(node.ips, ['172.18.0.3']);
  t.equal(node.providerID, 'kind://docker/kind/kind-worker');
});

// k3s hands everything over as a drop-in in JSON.
const K3S = JSON.stringify({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  authentication: {
    anonymous: { enabled: false },
    webhook: { cacheTTL: '2m0s', enabled: true },
    x509: { clientCAFile: '/var/lib/rancher/k3s/agent/client-ca.crt' },
  },
  authorization: { mode: 'Webhook', webhook: { cacheAuthorizedTTL: '5m0s', cacheUnauthorizedTTL: '30s' } },
  cgroupDriver: 'cgroupfs',
  clusterDNS: ['10.43.0.10'],
  clusterDomain: 'cluster.local',
  containerRuntimeEndpoint: 'unix:///run/k3s/containerd/containerd.sock',
  cpuManagerReconcilePeriod: '10s',
  crashLoopBackOff: {},
  evictionHard: { 'imagefs.available': '5%', 'nodefs.available': '5%' },
  evictionMinimumReclaim: { 'imagefs.available': '10%', 'nodefs.available': '10%' },
  evictionPressureTransitionPeriod: '5m0s',
  failCgroupV1: false,
  failSwapOn: false,
  healthzBindAddress: '127.0.0.1',
  imageMaximumGCAge: '0s',
  logging: { flushFrequency: '5s', format: 'text', options: { json: { infoBufferSize: '0' } }, verbosity: 0 },
  memorySwap: {},
  podLogsDir: '/var/log/pods',
  resolvConf: '/run/systemd/resolve/resolv.conf',
  serializeImagePulls: false,
  staticPodPath: '/var/lib/rancher/k3s/agent/pod-manifests',
  tlsCertFile: '/var/lib/rancher/k3s/agent/serving-kubelet.crt',
  tlsPrivateKeyFile: '/var/lib/rancher/k3s/agent/serving-kubelet.key',
});

t.test('parseConfig() takes what k3s writes', async t => {
  const { node, pods, runtime, server, eviction } = configOf([K3S], {
    kubeconfig: '/var/lib/rancher/k3s/agent/kubelet.kubeconfig',
    'hostname-override': 'k3s-agent',
    'node-ip': '10.0.0.5,fd00::5',
    'cloud-provider': 'external',
    'node-labels': 'k3s.io/internal=true',
    'runtime-cgroups': '/k3s',
    'kubelet-cgroups': '/k3s',
  });
  t.equal(node.name, 'k3s-agent');
  t.same(node.ips, ['10.0.0.5', 'fd00::5']);
  t.equal(node.cloudProvider, 'external');
  t.equal(runtime.imageEndpoint, 'unix:///run/k3s/containerd/containerd.sock');
  t.equal(pods.resolvConf, '/run/systemd/resolve/resolv.conf');
  t.equal(server.tlsCertFile, '/var/lib/rancher/k3s/agent/serving-kubelet.crt');
  t.same(eviction.hard['nodefs.available'], { kind: 'percent', percent: 5 });
});
