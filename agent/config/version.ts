import packageJson from '../../package.json' with { type: 'json' };

export const NODELET_VERSION: string = packageJson.version;

/** The Kubernetes release whose kubelet and kube-proxy we behave like. */
export const KUBERNETES_VERSION = 'v1.36.4';
