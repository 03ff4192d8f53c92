// `/pods`: what is asked of this node. `/runningpods`: what the runtime runs.

import type { Pod } from '../api/objects.ts';
import type { PodsView } from '../pod/pods-view.ts';
import type { ObservedPod } from '../runtime/observed-pod.ts';
import type { RuntimeSnapshots } from '../runtime/snapshots.ts';
import { sendJson } from './exchange.ts';
import type { Route } from './router.ts';

export function podRoutes(pods: PodsView): readonly Route[] {
  return [
    {
      methods: ['GET'],
      path: '/pods',
      isOpen: true,
      handle: ({ response }) => sendJson(response, 200, podList(pods.all())),
    },
  ];
}

export function runningPodRoutes(snapshots: RuntimeSnapshots): readonly Route[] {
  return [
    {
      methods: ['GET'],
      path: '/runningpods',
      handle: ({ response }) => {
        const running = [...snapshots.all()].map(buildRunningPod);
        sendJson(response, 200, podList(running.filter(({ spec }) => spec.containers.length > 0)));
      },
    },
  ];
}

function podList(items: readonly Pod[]): unknown {
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
}

function buildRunningPod({ podUID: uid, name, namespace, containers }: ObservedPod): Pod {
  const running = containers.filter(({ state }) => state === 'running');
  return {
    metadata: { name, namespace, uid },
    spec: { containers: running.map(one => ({ name: one.name, image: one.image })) },
    status: {},
  };
}
