import { KUBERNETES_VERSION } from '../config/version.ts';

/** `kube-probe/1.36` or `kube-lifecycle/1.36`, as the kubelet calls itself. */
export function buildUserAgent(purpose: 'probe' | 'lifecycle'): string {
  const [major, minor] = KUBERNETES_VERSION.slice(1).split('.');
  return `kube-${purpose}/${major}.${minor}`;
}
