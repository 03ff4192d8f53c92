// The `nodelet:` section: what the kubelet takes as flags only, and what it does not have.

import { parseBindAddress } from './bind-address.ts';
import {
  bad,
  bool,
  choice,
  duration,
  type Field,
  found,
  good,
  int,
  list,
  makeField,
  path,
  text,
} from './field.ts';
import { textMap } from './map-field.ts';
import { checkAbsolutePath, checkCIDR, checkLabelValue, checkNodeLabelKey } from './resource-fields.ts';

export const NODELET_FIELDS = {
  'nodelet.kubeconfig': path(undefined, { flag: 'kubeconfig' }),
  'nodelet.bootstrapKubeconfig': path(undefined, {
    flag: 'bootstrap-kubeconfig',
    note: 'used while kubeconfig is missing or has expired',
  }),
  'nodelet.certDir': path(undefined, {
    flag: 'cert-dir',
    note: 'ROOT-DIR/pki when not set',
  }),
  'nodelet.rootDir': text('/var/lib/kubelet', { flag: 'root-dir', check: checkAbsolutePath }),
  'nodelet.hostnameOverride': text(undefined, {
    flag: 'hostname-override',
    note: "the host's name when not set",
  }),
  'nodelet.nodeIP': text(undefined, {
    flag: 'node-ip',
    note: 'one address, or one per family with a comma; found by itself when not set',
  }),
  'nodelet.nodeLabels': textMap({
    flag: 'node-labels',
    checkKey: checkNodeLabelKey,
    checkValue: checkLabelValue,
    doesFlagMerge: true,
    note: 'set when the Node is created',
  }),
  'nodelet.cloudProvider': choice(['none', 'external'], 'none', {
    status: 'accepted',
    flag: 'cloud-provider',
  }),
  'nodelet.runtimeCgroups': text('', { flag: 'runtime-cgroups' }),
  'nodelet.imageCredentialProviderConfig': path(undefined, { flag: 'image-credential-provider-config' }),
  'nodelet.imageCredentialProviderBinDir': path(undefined, { flag: 'image-credential-provider-bin-dir' }),
  'nodelet.maxDeadContainersPerContainer': int(1, {
    status: 'accepted',
    flag: 'maximum-dead-containers-per-container',
    min: 0,
  }),
  'nodelet.maxDeadContainers': int(-1, { status: 'accepted', flag: 'maximum-dead-containers' }),
  'nodelet.minimumContainerTTL': duration(0, { status: 'accepted', flag: 'minimum-container-ttl-duration' }),
  'nodelet.network.manageCNI': autoOrBool('auto', {
    flag: 'manage-cni',
    note: 'auto: unless the directory holds a configuration that is not ours',
  }),
  'nodelet.network.cniConfDir': text('/etc/cni/net.d', { flag: 'cni-conf-dir', check: checkAbsolutePath }),
  'nodelet.network.cniBinDirs': list(['/opt/cni/bin', '/usr/lib/cni'], {
    note: "where to look for plugins; the runtime's own setting decides which it runs",
    flag: 'cni-bin-dirs',
    check: checkAbsolutePath,
  }),
  'nodelet.network.bridgeName': text('cni0', {
    status: 'accepted',
    flag: 'bridge-name',
    check: checkInterfaceName,
  }),
  'nodelet.network.masquerade': bool(true, { flag: 'masquerade' }),
  'nodelet.network.mtu': int(0, {
    flag: 'pod-mtu',
    min: 0,
    max: 65_535,
    note: '0: that of the interface with the default route',
  }),
  'nodelet.network.nodeRoutes': bool(true, {
    flag: 'node-routes',
    note: "routes to the other nodes' podCIDRs through their InternalIPs",
  }),
  'nodelet.proxy.enabled': bool(true, {
    flag: 'service-proxy',
    note: 'rules for Services; off where a kube-proxy runs',
  }),
  'nodelet.proxy.clusterCIDR': list([], {
    flag: 'cluster-cidr',
    check: checkCIDR,
    note: "sources that are pods, one range per family; the node's podCIDRs when not set",
  }),
  'nodelet.proxy.masqueradeAll': bool(false, { flag: 'masquerade-all' }),
  'nodelet.proxy.nodePortAddresses': list([], {
    flag: 'nodeport-addresses',
    check: checkNodePortAddress,
    note: 'ranges of own addresses on which node ports answer, or primary; all when not set',
  }),
  'nodelet.proxy.localhostNodePorts': bool(true, { flag: 'localhost-nodeports' }),
  'nodelet.proxy.healthzBindAddress': text('0.0.0.0:10256', {
    flag: 'proxy-healthz-bind-address',
    check: checkBindAddress,
    zero: 'value',
    note: 'ADDRESS:PORT where load balancers ask for the health of the proxy; empty: off',
  }),
  'nodelet.proxy.metricsBindAddress': text('127.0.0.1:10249', {
    flag: 'proxy-metrics-bind-address',
    check: checkBindAddress,
    zero: 'value',
    note: "ADDRESS:PORT of kube-proxy's metrics; empty: off",
  }),
  'nodelet.log.level': choice(['default', 'error', 'warn', 'info', 'debug'], 'default', {
    flag: 'log-level',
    note: 'default: info, or debug from -v 4 on',
  }),
  'nodelet.log.format': choice(['auto', 'json', 'text', 'journal'], 'auto', {
    flag: 'log-format',
    note: 'auto: journal fields under systemd, lines for people on a terminal, JSON into a pipe',
  }),
} as const;

/** Flags of the kubelet that no longer do anything there, or never should have been its flags. */
export const IGNORED_FLAGS: Readonly<Record<string, string>> = {
  'pod-infra-container-image': 'the runtime chooses its sandbox image',
  'experimental-mounter-path': 'removed from the kubelet',
  'experimental-allocatable-ignore-eviction': 'removed from the kubelet',
  'lock-file': 'not supported',
  'exit-on-lock-contention': 'not supported',
  'container-runtime': 'CRI is the only kind',
  'network-plugin': 'CNI is the only kind',
  'log-dir': 'logs go to stdout or the journal',
  logtostderr: 'logs go to stdout or the journal',
  alsologtostderr: 'logs go to stdout or the journal',
  stderrthreshold: 'logs go to stdout or the journal',
  'housekeeping-interval': 'a flag of cAdvisor',
  'manifest-url-header': 'use staticPodURLHeader in the file',
};

export const IGNORED_BOOLEAN_FLAGS = new Set([
  'exit-on-lock-contention',
  'experimental-allocatable-ignore-eviction',
  'logtostderr',
  'alsologtostderr',
]);

function autoOrBool(
  fallback: 'auto' | boolean,
  options: { flag: string; note: string },
): Field<'auto' | boolean> {
  const boolean = bool(true);
  return makeField<'auto' | boolean>({
    ...options,
    type: 'auto|true|false',
    fallback,
    isUnset: raw => raw === '',
    parse: raw =>
      raw === 'auto' || typeof raw === 'boolean'
        ? good(raw)
        : bad(`expected auto, true or false, got ${found(raw)}`),
    readFlag: texts => boolean.readFlag(texts),
  });
}

function checkNodePortAddress(text: string): string | undefined {
  return text === 'primary' ? undefined : checkCIDR(text);
}

function checkBindAddress(text: string): string | undefined {
  return parseBindAddress(text) ? undefined : `expected ADDRESS:PORT, got ${found(text)}`;
}

// IFNAMSIZ: 15 characters and a zero.
function checkInterfaceName(name: string): string | undefined {
  return /^[A-Za-z0-9._-]{1,15}$/.test(name) ? undefined : `no valid interface name: ${found(name)}`;
}
