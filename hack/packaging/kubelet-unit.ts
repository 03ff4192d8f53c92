// nodelet under the kubelet's name, for kubeadm and for what else expects `kubelet` and kubelet.service.
import { KUBERNETES_VERSION } from '../../agent/config/version.ts';

/**
 * /usr/bin/kubelet: its version is what kubeadm compares with its own. NODELET_EXTRA_ARGS is for flags that a kubelet which
 * comes back would not know.
 */
export const KUBELET_LAUNCHER = `#!/bin/sh
case " $* " in *" --version "*) echo "Kubernetes ${KUBERNETES_VERSION}"; exit 0 ;; esac
exec /usr/lib/nodelet/node --max-old-space-size=384 --max-semi-space-size=1 /usr/lib/nodelet/main.js run "$@" $NODELET_EXTRA_ARGS
`;

// As kubeadm's own drop-in for kubelet.service has it.
const EXEC_START = `Environment=KUBELET_KUBECONFIG_ARGS="--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment=KUBELET_CONFIG_ARGS="--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
EnvironmentFile=-/etc/default/nodelet
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS`;

/** nodelet.service with kubeadm's files in the place of nodelet's own. */
export function formatKubeletUnit(nodeletUnit: string): string {
  return nodeletUnit
    .replace(/^Description=.*$/m, 'Description=nodelet in the place of the kubelet')
    .replace(/^# Installed is not joined.*\n(?:(?:Condition\w+=|# Or ).*\n)+/m, KUBEADM_CONDITION)
    .replace(/^ExecStart=.*$/m, EXEC_START);
}

const KUBEADM_CONDITION = `# Until kubeadm has written it there is nothing to run; where \`nodelet join\` was, nodelet.service runs.
ConditionPathExists=/var/lib/kubelet/config.yaml
ConditionPathExists=!/etc/nodelet/kubeconfig
`;
