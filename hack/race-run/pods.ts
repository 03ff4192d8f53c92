// The pods of the race. They name their node, so no scheduler takes part, and end at once when asked to.
import { IMAGES } from '../sandbox/images.ts';
import type { PodManifest } from './arena.ts';

const NODE = 'node-1';
export const CONFIG_KEY = 'content';
export const READY_FILE = '/tmp/ready';

/** One container, no volume at all. */
export function plainPod(name: string): PodManifest {
  return {
    metadata: { name },
    spec: {
      nodeName: NODE,
      automountServiceAccountToken: false,
      containers: [{ name: 'main', image: IMAGES.pause }],
    },
  };
}

/** With the usual service account token and a ConfigMap of the pod's own name at `/config`. */
export function configPod(name: string): PodManifest {
  return {
    metadata: { name },
    spec: {
      nodeName: NODE,
      containers: [
        {
          name: 'main',
          image: IMAGES.pause,
          volumeMounts: [{ name: 'config', mountPath: '/config' }],
        },
      ],
      volumes: [{ name: 'config', configMap: { name } }],
    },
  };
}

/** Ready while the file is there, looked at every second. */
export function probedPod(name: string): PodManifest {
  const script = 'trap "exit 0" TERM; while :; do sleep 3600 & wait $!; done';
  return {
    metadata: { name },
    spec: {
      nodeName: NODE,
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'main',
          image: IMAGES.busybox,
          command: ['sh', '-c', script],
          readinessProbe: {
            exec: { command: ['test', '-e', READY_FILE] },
            periodSeconds: 1,
            failureThreshold: 1,
          },
        },
      ],
    },
  };
}
