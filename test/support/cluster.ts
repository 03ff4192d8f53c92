// A control plane and two nodes with nodelet for the tests. hack/test makes them once and names them in
// NODELET_TEST_SANDBOX; a test that is run by itself makes the sandbox `test`, or uses the one that is there.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Test } from 'tap';
import { ApiClient } from '../../agent/api/client.ts';
import type {
  Container,
  ContainerStatus,
  KubeObject,
  Node,
  ObjectReference,
  Pod,
  PodSpec,
} from '../../agent/api/objects.ts';
import { eventsPath, nodePath, podPath } from '../../agent/api/paths.ts';
import { NotFoundError } from '../../agent/lib/errors.ts';
import { createSilentLogger } from '../../agent/lib/logger.ts';
import { timedLog } from '../../hack/sandbox/command.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import { createSandbox, openSandbox, type Sandbox } from '../../hack/sandbox/sandbox.ts';
import { startAgents } from '../../hack/sandbox/start-agents.ts';
import { NodeView } from './node-view.ts';
import { waitFor } from './wait-for.ts';

const OWN_SANDBOX = 'test';
const NODE_COUNT = 2;
const { signal } = new AbortController();

export interface EventObject extends KubeObject {
  readonly involvedObject: ObjectReference;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count?: number;
}

export interface Forward {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly said: () => string;
  readonly isRunning: () => boolean;
  readonly close: () => void;
}

interface List<T> {
  readonly items: readonly T[];
}

/** The shared cluster and a namespace in it that is the test file's own; both are let go when the file has ended. */
export async function useCluster(t: Test, sandbox?: Sandbox): Promise<TestCluster> {
  const cluster = await TestCluster.open(sandbox);
  t.teardown(() => cluster.close());
  return cluster;
}

export class TestCluster {
  readonly sandbox: Sandbox;
  readonly api: ApiClient;
  readonly namespace: string;
  readonly #views = new Map<string, NodeView>();

  private constructor(sandbox: Sandbox, api: ApiClient, namespace: string) {
    this.sandbox = sandbox;
    this.api = api;
    this.namespace = namespace;
  }

  static async open(own?: Sandbox): Promise<TestCluster> {
    const sandbox = own ?? (await findSandbox());
    const api = await ApiClient.connect({
      kubeconfigPath: sandbox.adminKubeconfigPath,
      logger: createSilentLogger(),
      userAgent: 'nodelet-test',
      signal,
    });
    const namespace = `t-${randomBytes(3).toString('hex')}`;
    const cluster = new TestCluster(sandbox, api, namespace);
    await api.create('/api/v1/namespaces', { metadata: { name: namespace } }, { signal });
    const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
    await waitFor('the default service account', async () => await api.get(account, { signal }));
    return cluster;
  }

  async close(): Promise<void> {
    try {
      // First, for no controller makes a pod in a namespace that is going.
      await this.api.delete(`/api/v1/namespaces/${this.namespace}`, undefined, { signal });
      await this.#deleteAllPods();
    } finally {
      for (const view of this.#views.values()) view.close();
      await this.api.close();
    }
  }

  // ---- Nodes

  /** `node-1`, unless another one is named. */
  async node(name = 'node-1'): Promise<NodeView> {
    const known = this.#views.get(name);
    if (known !== undefined) return known;
    const view = await NodeView.open(this.sandbox.node(name));
    this.#views.set(name, view);
    return view;
  }

  async getNode(name = 'node-1'): Promise<Node> {
    return await this.api.get<Node>(nodePath(name), { signal });
  }

  /** Waits until the node's Ready condition has this status. */
  async untilNodeReady(
    status: 'True' | 'False' | 'Unknown' = 'True',
    name = 'node-1',
    deadlineMs = 30_000,
  ): Promise<Node> {
    return await waitFor(
      `${name} to be Ready=${status}`,
      async () => {
        const node = await this.getNode(name);
        return readyCondition(node)?.status === status ? node : undefined;
      },
      { deadlineMs },
    );
  }

  // ---- Objects

  /** Creates a namespaced core object, e.g. `configmaps`. */
  async create<T>(resource: string, name: string, body: object): Promise<T> {
    const path = `/api/v1/namespaces/${this.namespace}/${resource}`;
    return await this.api.create<T>(path, { metadata: { name }, ...body }, { signal });
  }

  async kubectl(...args: string[]): Promise<string> {
    return await this.sandbox.kubectl(['--namespace', this.namespace, ...args], { signal });
  }

  /** `kubectl port-forward`, to a local port that is free; ended by `close`. */
  async portForward(target: string, port: number): Promise<Forward> {
    const kubectl = join(this.sandbox.paths.bin, 'kubectl');
    const args = [`--kubeconfig=${this.sandbox.adminKubeconfigPath}`, '--namespace', this.namespace];
    const child = spawn(kubectl, [...args, 'port-forward', target, `:${port}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    const local = await waitFor('the local port', () => /127\.0\.0\.1:(\d+) ->/.exec(text)?.[1]);
    return {
      port: Number(local),
      said: () => text,
      isRunning: () => child.exitCode === null,
      close: () => child.kill(),
    };
  }

  // ---- Pods

  /** Creates a pod on node-1 unless the spec says otherwise; its containers run busybox unless they say otherwise. */
  async createPod(
    name: string,
    spec: Omit<Partial<PodSpec>, 'containers'> & { readonly containers: readonly Partial<Container>[] },
    metadata: object = {},
  ): Promise<Pod> {
    const containers = spec.containers.map((container, index) => ({
      name: index === 0 ? 'main' : `side-${index}`,
      image: IMAGES.busybox,
      ...container,
    }));
    return await this.create<Pod>('pods', name, {
      metadata: { name, ...metadata },
      spec: { nodeName: 'node-1', terminationGracePeriodSeconds: 5, ...spec, containers },
    });
  }

  /** A pod that runs until it is asked to end, and then ends at once. */
  async createRunningPod(name: string, spec: Partial<PodSpec> = {}): Promise<Pod> {
    await this.createPod(name, { ...spec, containers: [obedient()] });
    return await this.untilRunning(name);
  }

  async getPod(name: string): Promise<Pod | undefined> {
    try {
      return await this.api.get<Pod>(podPath(this.namespace, name), { signal });
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  async listPods(labelSelector = ''): Promise<readonly Pod[]> {
    const path = `/api/v1/namespaces/${this.namespace}/pods`;
    return (await this.api.get<List<Pod>>(path, { signal, query: { labelSelector } })).items;
  }

  /** Waits until the pod satisfies the condition; the error has the last status that did not. */
  async untilPod(
    name: string,
    what: string,
    condition: (pod: Pod) => boolean,
    deadlineMs?: number,
  ): Promise<Pod> {
    let last: Pod | undefined;
    try {
      return await waitFor(
        `pod ${name}: ${what}`,
        async () => {
          last = await this.getPod(name);
          return last !== undefined && condition(last) ? last : undefined;
        },
        deadlineMs === undefined ? {} : { deadlineMs },
      );
    } catch (error) {
      const message = `pod ${name} not in time: ${what}; its status is ${JSON.stringify(last?.status, null, 1)}`;
      throw new Error(message, { cause: error });
    }
  }

  async untilRunning(name: string): Promise<Pod> {
    return await this.untilPod(name, 'running and ready', isReady);
  }

  async untilPhase(name: string, phase: string): Promise<Pod> {
    return await this.untilPod(name, phase, pod => pod.status?.phase === phase);
  }

  async untilGone(name: string, deadlineMs = 30_000): Promise<void> {
    await waitFor(`pod ${name} to be gone`, async () => (await this.getPod(name)) === undefined, {
      deadlineMs,
      pollMs: 10,
    });
  }

  async deletePod(name: string, gracePeriodSeconds?: number): Promise<void> {
    const body = gracePeriodSeconds === undefined ? undefined : { gracePeriodSeconds };
    await this.api.delete(podPath(this.namespace, name), body, { signal });
  }

  async #deleteAllPods(): Promise<void> {
    await waitFor(
      `the pods of ${this.namespace} to be gone`,
      async () => {
        const pods = await this.listPods();
        for (const { metadata } of pods) {
          if ((metadata.deletionGracePeriodSeconds ?? 30) > 1) await this.#deleteIfThere(metadata.name);
        }
        return pods.length === 0;
      },
      { deadlineMs: 60_000, pollMs: 100 },
    );
  }

  async #deleteIfThere(name: string): Promise<void> {
    try {
      await this.deletePod(name, 1);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }

  // ---- Events

  async events(pod: Pod): Promise<readonly EventObject[]> {
    const query = { fieldSelector: `involvedObject.uid=${pod.metadata.uid ?? ''}` };
    return (await this.api.get<List<EventObject>>(eventsPath(this.namespace), { signal, query })).items;
  }

  /** Waits for an event about the pod; events are sent beside the work, so they may come a moment later. */
  async untilEvent(pod: Pod, reason: string, message: string | RegExp): Promise<EventObject> {
    let seen: readonly EventObject[] = [];
    try {
      return await waitFor(`event ${reason}`, async () => {
        seen = await this.events(pod);
        return seen.find(
          event =>
            event.reason === reason &&
            (typeof message === 'string' ? event.message === message : message.test(event.message)),
        );
      });
    } catch (error) {
      const lines = seen.map(({ type, reason, message }) => `${type} ${reason} ${message}`);
      throw new Error(`no event ${reason} ${String(message)}; there are:\n${lines.join('\n')}`, {
        cause: error,
      });
    }
  }
}

/** A container that ends at once when asked to. */
export function obedient(name = 'main'): Container {
  const script = 'trap "exit 0" TERM; echo ready; while :; do sleep 1 & wait $!; done';
  return { name, image: IMAGES.busybox, command: ['sh', '-c', script] };
}

/** A container that runs a shell script. */
export function script(text: string, more: Partial<Container> = {}): Partial<Container> {
  return { command: ['sh', '-c', text], ...more };
}

export function isReady(pod: Pod): boolean {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' && pod.status?.phase === 'Running';
}

export function statusOf(pod: Pod, name = 'main'): ContainerStatus {
  const status = pod.status?.containerStatuses?.find(candidate => candidate.name === name);
  if (status === undefined) throw new Error(`pod ${pod.metadata.name} has no status of container ${name}`);
  return status;
}

export function readyCondition(node: Node) {
  return node.status?.conditions?.find(({ type }) => type === 'Ready');
}

export function uidOf(pod: Pod): string {
  return pod.metadata.uid ?? '';
}

async function findSandbox(): Promise<Sandbox> {
  const given = process.env['NODELET_TEST_SANDBOX'];
  if (given !== undefined) {
    const sandbox = await openSandbox(given);
    if (sandbox === undefined) throw new Error(`no sandbox ${given}`);
    return sandbox;
  }
  const progress = { signal, log: timedLog() };
  const sandbox = await createSandbox({ name: OWN_SANDBOX, nodeCount: NODE_COUNT }, progress);
  await startAgents(sandbox, progress);
  progress.log(`the sandbox stays for the next run; sudo ./hack/down --name ${OWN_SANDBOX} removes it`);
  return sandbox;
}
