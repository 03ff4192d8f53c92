// What to type next, once it is known what holds a pod up.

import type { Pod } from '../api/objects.ts';
import { findContainer } from '../pod/pod-containers.ts';
import type { Blocker } from './explanation.ts';

type Held = Omit<Blocker, 'next'>;

/** Looks at the cause and changes nothing, unless it is the pull that failed. Undefined: there is nothing more to see. */
export function buildNextCommand(pod: Pod, blocker: Held): string | undefined {
  const { namespace = 'default', name, uid = '' } = pod.metadata;
  const place = `-n ${namespace}`;
  const missing = missingObject(blocker.message);
  if (missing) return `kubectl get ${missing} ${place} -o yaml`;
  const container = /container (\S+)$/.exec(blocker.step)?.[1];
  const logs = `kubectl logs ${place} ${name}${container === undefined ? '' : ` -c ${container}`}`;
  if (/ended with exit code/.test(blocker.message)) {
    // Of a container that is not started again there is no run before.
    return pod.spec.restartPolicy === 'Never' ? logs : `${logs} --previous`;
  }
  const node = pod.spec.nodeName ?? '';
  switch (blocker.reason) {
    case 'ErrImagePull':
    case 'ImagePullBackOff':
      return `crictl pull ${findContainer(pod.spec, container ?? '')?.image ?? ''}`;
    case 'ErrImageNeverPull':
      return 'crictl images';
    case 'Unhealthy':
    case 'PodInitializing':
      return logs;
    case 'NodeAffinity':
      return `kubectl get node ${node} --show-labels`;
    case 'NodeNotReady':
      return 'nodelet doctor';
    case 'FailedCreatePodSandBox':
      return 'journalctl -u containerd -n 50';
    case 'FailedKillPod':
    case 'FailedTearDown':
      return `journalctl -u nodelet -g ${uid}`;
    case 'SysctlForbidden':
    case 'DeadlineExceeded':
      return undefined; // the message says it all
    default:
      return blocker.reason.startsWith('OutOf')
        ? `kubectl describe node ${node}`
        : `kubectl describe pod ${place} ${name}`;
  }
}

/** In the words of events: `configmap "x" not found`, `couldn't find key k in ConfigMap ns/x`. */
function missingObject(message: string): string | undefined {
  const absent = /\b(configmap|secret|persistentvolumeclaim|serviceaccount)s? "([^"]+)" not found/.exec(
    message,
  );
  if (absent) return `${absent[1]} ${absent[2]}`;
  const keyless = /couldn't find key \S+ in (ConfigMap|Secret) \S+\/(\S+)/.exec(message);
  return keyless ? `${keyless[1]?.toLowerCase()} ${keyless[2]}` : undefined;
}
