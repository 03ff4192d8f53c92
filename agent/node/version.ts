import { KUBERNETES_VERSION } from '../config/version.ts';

// The Kubernetes release whose behaviour the agent follows, and our own version as semver build metadata: version skew
// checks (apimachinery util/version) compare `1.36.4` and carry the rest along, as with k3s's `+k3s1`.

/** `status.nodeInfo.kubeletVersion`, e.g. `v1.36.4+nodelet.0.1.0`. */
export function buildKubeletVersion(nodeletVersion: string): string {
  return `${KUBERNETES_VERSION}+nodelet.${nodeletVersion}`;
}
