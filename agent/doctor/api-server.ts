import { existsSync } from 'node:fs';
import { type Check, fail, ok, warn } from './finding.ts';

const SLOW_MS = 500;

export const apiServer: Check = {
  name: 'api',
  run: async ({ config: { api, pods }, probeApi }, { signal }) => {
    const { kubeconfigPath, bootstrapKubeconfigPath } = api;
    const isStandalone = kubeconfigPath === undefined && bootstrapKubeconfigPath === undefined;
    if (isStandalone && (pods.staticPodPath ?? pods.staticPodURL) !== undefined) {
      return [ok('none is configured: this machine runs static pods only')];
    }
    if (kubeconfigPath === undefined || !existsSync(kubeconfigPath)) {
      if (bootstrapKubeconfigPath !== undefined && existsSync(bootstrapKubeconfigPath)) {
        return [ok(`not joined yet; ${bootstrapKubeconfigPath} will be used`)];
      }
      const message = `no kubeconfig${kubeconfigPath === undefined ? '' : ` at ${kubeconfigPath}`}: this machine is no node yet`;
      return [fail(message, 'nodelet join SERVER --token ... --discovery-token-ca-cert-hash ...')];
    }
    const probe = await probeApi({ signal });
    if (probe.kind === 'failed') return [fail(probe.reason, `nodelet status; kubeconfig: ${kubeconfigPath}`)];
    const text = `${probe.server} answers in ${Math.round(probe.latencyMs)} ms`;
    return [
      probe.latencyMs > SLOW_MS
        ? warn(`${text}, which is slow`, 'look at its load and at the network')
        : ok(text),
    ];
  },
};
