const CORE = '/api/v1';
const LEASES = '/apis/coordination.k8s.io/v1';

export const podsPath = `${CORE}/pods`;
export const nodesPath = `${CORE}/nodes`;
export const servicesPath = `${CORE}/services`;
export const endpointSlicesPath = '/apis/discovery.k8s.io/v1/endpointslices';

export function runtimeClassPath(name: string): string {
  return `/apis/node.k8s.io/v1/runtimeclasses/${encodeURIComponent(name)}`;
}

export function podPath(namespace: string, name: string): string {
  return namespaced(CORE, namespace, 'pods', name);
}

export function nodePath(name: string): string {
  return `${nodesPath}/${encodeURIComponent(name)}`;
}

export function nodeStatusPath(name: string): string {
  return `${nodePath(name)}/status`;
}

export function leasesPath(namespace: string): string {
  return namespaced(LEASES, namespace, 'leases');
}

export function leasePath(namespace: string, name: string): string {
  return namespaced(LEASES, namespace, 'leases', name);
}

export function eventsPath(namespace: string): string {
  return namespaced(CORE, namespace, 'events');
}

export function eventPath(namespace: string, name: string): string {
  return namespaced(CORE, namespace, 'events', name);
}

export function configMapPath(namespace: string, name: string): string {
  return namespaced(CORE, namespace, 'configmaps', name);
}

export function configMapsPath(namespace: string): string {
  return namespaced(CORE, namespace, 'configmaps');
}

export const clusterTrustBundlesPath = '/apis/certificates.k8s.io/v1beta1/clustertrustbundles';

export function secretsPath(namespace: string): string {
  return namespaced(CORE, namespace, 'secrets');
}

export function persistentVolumeClaimPath(namespace: string, name: string): string {
  return namespaced(CORE, namespace, 'persistentvolumeclaims', name);
}

export function persistentVolumePath(name: string): string {
  return `${CORE}/persistentvolumes/${encodeURIComponent(name)}`;
}

export function serviceAccountPath(namespace: string, name: string): string {
  return namespaced(CORE, namespace, 'serviceaccounts', name);
}

export function serviceAccountTokenPath(namespace: string, serviceAccountName: string): string {
  return `${serviceAccountPath(namespace, serviceAccountName)}/token`;
}

export function podCertificateRequestsPath(namespace: string): string {
  return `/apis/certificates.k8s.io/v1beta1/namespaces/${encodeURIComponent(namespace)}/podcertificaterequests`;
}

export const certificateSigningRequestsPath = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

export function servicePath(namespace: string, name: string): string {
  return namespaced(CORE, namespace, 'services', name);
}

function namespaced(group: string, namespace: string, resource: string, name?: string): string {
  const collection = `${group}/namespaces/${encodeURIComponent(namespace)}/${resource}`;
  return name === undefined ? collection : `${collection}/${encodeURIComponent(name)}`;
}
