import t from 'tap';
import { buildNode, planMetadataPatch, type RegistrationConfig } from './build-node.ts';
import { buildKubeletVersion } from './version.ts';

const CONFIG: RegistrationConfig = {
  name: 'node-1',
  ips: [],
  labels: { disk: 'ssd' },
  taints: [{ key: 'dedicated', value: 'x', effect: 'NoSchedule' }],
  providerID: undefined,
  cloudProvider: 'none',
  enableControllerAttachDetach: true,
};

t.test('buildNode() labels, annotates and taints as the kubelet does', async t => {
  t.strictSame(buildNode(CONFIG, 'arm64', {}), {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: 'node-1',
      labels: {
        'kubernetes.io/hostname': 'node-1',
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'arm64',
        'beta.kubernetes.io/os': 'linux',
        'beta.kubernetes.io/arch': 'arm64',
        disk: 'ssd',
      },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: { taints: CONFIG.taints },
    status: {},
  });
});

t.test('buildNode() of an external cloud waits for its provider', async t => {
  const node = buildNode({ ...CONFIG, cloudProvider: 'external', ips: ['10.0.0.5'] }, 'amd64', {});
  t.equal(node.spec?.taints?.at(-1)?.key, 'node.cloudprovider.kubernetes.io/uninitialized');
  t.equal(node.metadata.annotations?.['alpha.kubernetes.io/provided-node-ip'], '10.0.0.5');
});

t.test('planMetadataPatch() is content with the node it built', async t => {
  t.equal(planMetadataPatch(buildNode(CONFIG, 'amd64', {}), CONFIG, 'amd64'), undefined);
});

t.test('planMetadataPatch() restores default labels and leaves all others alone', async t => {
  const present = {
    metadata: { name: 'node-1', labels: { 'kubernetes.io/arch': 'arm', team: 'a' }, annotations: {} },
  };
  t.strictSame(planMetadataPatch(present, CONFIG, 'amd64'), {
    metadata: {
      labels: {
        'kubernetes.io/hostname': 'node-1',
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'beta.kubernetes.io/os': 'linux',
        'beta.kubernetes.io/arch': 'amd64',
      },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
  });
});

t.test('planMetadataPatch() takes away what configuration no longer has', async t => {
  const zone = 'topology.kubernetes.io/zone';
  const node = buildNode({ ...CONFIG, labels: { [zone]: 'eu-1' } }, 'amd64', {});
  const config = { ...CONFIG, labels: { [zone]: '' }, enableControllerAttachDetach: false };
  t.strictSame(planMetadataPatch(node, config, 'amd64'), {
    metadata: {
      labels: { [zone]: null },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': null },
    },
  });
});

t.test('buildKubeletVersion() is a semantic version with ours as build metadata', async t => {
  // apimachinery util/version.ParseSemantic, which kubeadm's skew check uses.
  t.match(buildKubeletVersion('0.1.0'), /^v\d+\.\d+\.\d+\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*$/);
});
