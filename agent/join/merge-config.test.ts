import t from 'tap';
import { parse } from 'yaml';
import { mergeConfig } from './merge-config.ts';

const settings = {
  cluster: {
    clusterDNS: ['10.96.0.10'],
    authentication: { x509: { clientCAFile: '/other/ca.crt' } },
  },
  nodelet: { kubeconfig: '/etc/nodelet/kubeconfig', bootstrapKubeconfig: undefined },
  clientCAFile: '/etc/nodelet/ca.crt',
  rotatesCertificates: true,
  hasOtherProxy: false,
};

t.test('mergeConfig() fills an empty file', async t => {
  t.strictSame(parse(mergeConfig('', settings)), {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    clusterDNS: ['10.96.0.10'],
    authentication: { x509: { clientCAFile: '/etc/nodelet/ca.crt' } },
    rotateCertificates: true,
    nodelet: { kubeconfig: '/etc/nodelet/kubeconfig' },
  });
});

t.test('mergeConfig() keeps what an administrator wrote, and is the same the second time', async t => {
  const text = '# ours\nclusterDNS: [10.0.0.53] # not the usual one\nnodelet:\n  nodeIP: 10.0.0.7\n';
  const merged = mergeConfig(text, settings);
  t.match(merged, '# not the usual one');
  t.match(parse(merged), { clusterDNS: ['10.0.0.53'], nodelet: { nodeIP: '10.0.0.7' } });
  t.equal(mergeConfig(merged, settings), merged);
});

t.test(
  'mergeConfig() leaves Services to whatever else the cluster has, unless somebody says otherwise',
  async t => {
    const elsewhere = { ...settings, hasOtherProxy: true };
    t.match(parse(mergeConfig('', elsewhere)), { nodelet: { proxy: { enabled: false } } });
    const said = 'nodelet:\n  proxy:\n    enabled: true\n';
    t.match(parse(mergeConfig(said, elsewhere)), { nodelet: { proxy: { enabled: true } } });
  },
);

t.test('mergeConfig() refuses what it cannot read', async t => {
  t.throws(() => mergeConfig('a: [', settings), { message: /not valid YAML/ });
});
