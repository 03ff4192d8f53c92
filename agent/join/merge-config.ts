// The configuration file of a node that joins: what is in it already, then what the cluster says about its nodes.

import { isMap, parseDocument } from 'yaml';
import { InvalidError } from '../lib/errors.ts';

export interface JoinSettings {
  /** `kube-system/kubelet-config`, the KubeletConfiguration that kubeadm keeps for all nodes; may be empty. */
  readonly cluster: Readonly<Record<string, unknown>>;
  /** For the `nodelet` section, in the place of what stands there. */
  readonly nodelet: Readonly<Record<string, string | undefined>>;
  readonly clientCAFile: string;
  /** Whether the cluster signs requests for new certificates by itself. */
  readonly rotatesCertificates: boolean;
  /** Something else makes Services reachable on all nodes of the cluster. */
  readonly hasOtherProxy: boolean;
}

/** What an administrator has written stays, with its comments; the identity is what this join made. */
export function mergeConfig(
  text: string,
  { cluster, nodelet, clientCAFile, rotatesCertificates, hasOtherProxy }: JoinSettings,
): string {
  const document = parseMapping(text);
  const defaults = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', ...cluster };
  for (const [key, value] of Object.entries(defaults)) {
    if (!document.has(key)) document.set(key, document.createNode(value));
  }
  // The path is a control plane machine's; here the CA lies where this join put it.
  document.setIn(['authentication', 'x509', 'clientCAFile'], clientCAFile);
  document.set('rotateCertificates', rotatesCertificates);
  for (const [key, value] of Object.entries(nodelet)) {
    if (value === undefined) document.deleteIn(['nodelet', key]);
    else document.setIn(['nodelet', key], value);
  }
  const isProxySaid = document.hasIn(['nodelet', 'proxy', 'enabled']);
  if (hasOtherProxy && !isProxySaid) document.setIn(['nodelet', 'proxy', 'enabled'], false);
  return document.toString();
}

/** A file that is empty but for comments keeps them. */
function parseMapping(text: string) {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw new InvalidError(`not valid YAML: ${error.message}`, { code: 'Config' });
  return isMap(document.contents)
    ? document
    : parseDocument(`${text}\nkind: KubeletConfiguration\n`.trimStart());
}
