// Many like pods at once, and how to tell that nothing has happened to them.
import type { Pod } from '../../agent/api/objects.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { isReady, statusOf, type TestCluster } from './cluster.ts';
import { waitFor } from './wait-for.ts';

const DEADLINE_MS = 90_000;
const LABEL = 'app=many';

/** Replicas of the web server as a Deployment `many`; waits until that many are ready and no others are left. */
export async function scaleTo(cluster: TestCluster, replicas: number): Promise<readonly Pod[]> {
  if (!(await cluster.kubectl('get', 'deployment', '-o', 'name')).includes('many')) {
    await cluster.kubectl('create', 'deployment', 'many', `--image=${IMAGES.web}`, '--replicas=0');
  }
  await cluster.kubectl('scale', 'deployment', 'many', `--replicas=${replicas}`);
  return await waitFor(
    `${replicas} ready pods`,
    async () => {
      const pods = await cluster.listPods(LABEL);
      return pods.length === replicas && pods.every(isReady) ? pods : undefined;
    },
    { deadlineMs: DEADLINE_MS, pollMs: 250 },
  );
}

export interface PodIdentity {
  readonly name: string;
  readonly containerID: string | undefined;
  readonly restartCount: number;
  readonly resourceVersion: string | undefined;
}

/** What changes when anything happens to a pod, its status in the API included. */
export async function identify(cluster: TestCluster): Promise<readonly PodIdentity[]> {
  const pods = await cluster.listPods(LABEL);
  return pods
    .map(pod => {
      const { containerID, restartCount } = statusOf(pod, 'nodelet-web');
      const { name, resourceVersion } = pod.metadata;
      return { name, containerID, restartCount, resourceVersion };
    })
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

/** IDs of the running containers of the pods, as the runtimes have them. */
export async function listRunning(cluster: TestCluster): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const { name } of cluster.sandbox.nodes) {
    const node = await cluster.node(name);
    const containers = await node.runtime.listContainers(
      {
        state: { state: 'CONTAINER_RUNNING' },
        labelSelector: { 'io.kubernetes.pod.namespace': cluster.namespace },
      },
      { signal: new AbortController().signal },
    );
    ids.push(...containers.map(({ id }) => id));
  }
  return ids.toSorted();
}
