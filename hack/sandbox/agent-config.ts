import { stringify } from 'yaml';
import { CLUSTER_DNS, CLUSTER_DOMAIN } from './control-plane-flags.ts';

/** On a node: manifests of static pods. */
export const STATIC_POD_PATH = '/etc/nodelet/manifests';

/** The agent's configuration file on a node: the fields of KubeletConfiguration, then those that are nodelet's own. */
export function buildAgentConfig(node: {
  readonly name: string;
  readonly address: string;
  readonly address6?: string | undefined;
}): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    staticPodPath: STATIC_POD_PATH,
    clusterDNS: [CLUSTER_DNS],
    clusterDomain: CLUSTER_DOMAIN,
    authentication: { x509: { clientCAFile: '/etc/nodelet/ca.crt' } },
    tlsCertFile: '/etc/nodelet/serving.crt',
    tlsPrivateKeyFile: '/etc/nodelet/serving.key',
    nodelet: {
      kubeconfig: '/etc/nodelet/kubeconfig',
      hostnameOverride: node.name,
      nodeIP: node.address6 === undefined ? node.address : `${node.address},${node.address6}`,
    },
  });
}
