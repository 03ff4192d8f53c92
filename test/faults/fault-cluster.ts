// What the fault tests share: a sandbox with one node whose agent reaches containerd, and the API server if asked,
// through proxies; pods on that node; and a look at what they left behind.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { ApiClient } from '../../agent/api/client.ts';
import type { KubeObject, Node, Pod } from '../../agent/api/objects.ts';
import { connectRuntime, type RuntimeConnection } from '../../agent/cri/connect.ts';
import { NotFoundError } from '../../agent/lib/errors.ts';
import { createSilentLogger } from '../../agent/lib/logger.ts';
import type { Container as CriContainer, PodSandbox } from '../../cri-proto/runtime.v1.ts';
import type { AgentStartOptions } from '../../hack/sandbox/agent.ts';
import { IMAGES } from '../../hack/sandbox/images.ts';
import type { SandboxNode } from '../../hack/sandbox/node.ts';
import { signalProcess } from '../../hack/sandbox/process.ts';
import { createSandbox, destroySandbox, openSandbox, type Sandbox } from '../../hack/sandbox/sandbox.ts';
import { ApiProxy } from '../support/api-proxy.ts';
import { CriProxy } from '../support/cri-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

export const never: AbortSignal = new AbortController().signal;

const PODS = '/api/v1/namespaces/default/pods';
const NODE_CONTAINERD = '/run/containerd/containerd.sock';
// Two cores that do something else at the same time: a deadline here is for a test that has failed.
const PATIENCE_MS = 60_000;

export interface FaultClusterOptions {
  /** A sandbox of this name that is there already is used and left; otherwise one is made and removed. */
  readonly name: string;
  readonly hasApiProxy?: boolean;
  /** More settings for the agent's configuration file. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface PodOptions {
  readonly containers?: readonly Record<string, unknown>[];
  readonly spec?: Readonly<Record<string, unknown>>;
}

export interface Event extends KubeObject {
  readonly reason: string;
  readonly message: string;
  readonly count?: number;
  readonly involvedObject: { readonly uid?: string; readonly name: string };
}

/** What the runtime has of one pod. */
export interface Observed {
  readonly sandboxes: readonly PodSandbox[];
  readonly containers: readonly CriContainer[];
}

export class FaultCluster {
  readonly sandbox: Sandbox;
  readonly node: SandboxNode;
  readonly admin: ApiClient;
  readonly cri: CriProxy;
  readonly #runtime: RuntimeConnection;
  readonly #apiProxy: ApiProxy | undefined;
  readonly #isOwner: boolean;
  readonly #nodePid: number;
  readonly #before: AgentBefore;

  private constructor(parts: {
    sandbox: Sandbox;
    admin: ApiClient;
    cri: CriProxy;
    apiProxy: ApiProxy | undefined;
    runtime: RuntimeConnection;
    isOwner: boolean;
    nodePid: number;
    before: AgentBefore;
  }) {
    this.sandbox = parts.sandbox;
    this.node = parts.sandbox.node();
    this.admin = parts.admin;
    this.cri = parts.cri;
    this.#apiProxy = parts.apiProxy;
    this.#runtime = parts.runtime;
    this.#isOwner = parts.isOwner;
    this.#nodePid = parts.nodePid;
    this.#before = parts.before;
  }

  static async start(options: FaultClusterOptions): Promise<FaultCluster> {
    const { name, hasApiProxy = false, config = {} } = options;
    const isOwner = (await openSandbox(name)) === undefined;
    const sandbox = await createSandbox({ name }, { signal: never, log: () => undefined });
    const node = sandbox.node();
    const before = await rememberAgent(node);
    await node.agent.kill();
    const nodePid = (await node.holder.findProcess())?.pid ?? 0;
    const runtimePath = `/proc/${nodePid}/root${NODE_CONTAINERD}`;
    // Under a path that host and node share.
    const sockets = join(sandbox.paths.root, 'faults');
    await mkdir(sockets, { recursive: true });
    const cri = await CriProxy.listen({ socketPath: join(sockets, 'cri.sock'), runtimePath });
    const apiProxy = hasApiProxy ? await listenApi(sandbox) : undefined;
    await writeAgentFiles(sandbox, cri.endpoint, apiProxy?.url, config);
    const admin = await ApiClient.connect({
      kubeconfigPath: sandbox.adminKubeconfigPath,
      logger: createSilentLogger(),
      userAgent: 'nodelet-test',
      signal: never,
    });
    const runtime = connectRuntime({ runtimeEndpoint: `unix://${runtimePath}` });
    return new FaultCluster({ sandbox, admin, cri, apiProxy, runtime, isOwner, nodePid, before });
  }

  /** There when the cluster was started with it. */
  get api(): ApiProxy {
    if (!this.#apiProxy) throw new Error('this cluster has no proxy in front of its API server');
    return this.#apiProxy;
  }

  async stop(): Promise<void> {
    await this.removePods().catch(() => undefined); // the sandbox is removed anyway, or its next user finds them
    await this.node.agent.kill();
    this.#runtime.close();
    await this.cri.close();
    await this.#apiProxy?.close();
    await this.admin.close();
    for (const [path, text] of this.#before.files) await writeFile(path, text);
    if (this.#before.isRunning) await this.startAgent();
    if (this.#isOwner && process.env['NODELET_KEEP_SANDBOX'] === undefined) {
      await destroySandbox(this.sandbox.name, { signal: never, log: () => undefined });
    }
  }

  // ---- The agent

  async startAgent(options: Omit<AgentStartOptions, 'signal'> = {}): Promise<void> {
    await this.node.agent.ensureStarted({ signal: never, ...options });
  }

  async startReadyAgent(options: Omit<AgentStartOptions, 'signal'> = {}): Promise<void> {
    await this.startAgent(options);
    await this.untilNode(
      'Ready',
      node => readyOf(node)?.status === 'True' && node.spec?.taints === undefined,
    );
  }

  async killAgent(): Promise<void> {
    await this.node.agent.kill();
  }

  /** Log lines of the agent that say this, from `offset` on. */
  async logLines(text: string, offset = 0): Promise<readonly string[]> {
    const log = (await this.node.agent.readLog()).slice(offset);
    return log.split('\n').filter(line => line.includes(text));
  }

  async getNode(): Promise<Node> {
    return await this.admin.get<Node>(`/api/v1/nodes/${this.node.name}`, { signal: never });
  }

  async untilNode(what: string, isTrue: (node: Node) => boolean, timeoutMs = PATIENCE_MS): Promise<Node> {
    let last: Node | undefined;
    await waitFor(
      `node: ${what}`,
      async () => {
        last = await unlessMissing(this.getNode());
        return last !== undefined && isTrue(last);
      },
      { deadlineMs: timeoutMs },
    );
    return await this.getNode();
  }

  // ---- Pods

  async createPod(name: string, { containers, spec }: PodOptions = {}): Promise<Pod> {
    const body = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        nodeName: this.node.name,
        terminationGracePeriodSeconds: 5,
        automountServiceAccountToken: false,
        containers: containers ?? [webContainer('web')],
        ...spec,
      },
    };
    const query = { fieldManager: 'test', force: 'true' };
    return await this.admin.patch<Pod>(`${PODS}/${name}`, body, { signal: never, type: 'apply', query });
  }

  async getPod(name: string): Promise<Pod | undefined> {
    return await unlessMissing(this.admin.get<Pod>(`${PODS}/${name}`, { signal: never }));
  }

  async listPods(): Promise<readonly Pod[]> {
    return (await this.admin.get<{ items: readonly Pod[] }>(PODS, { signal: never })).items;
  }

  async untilPod(
    name: string,
    what: string,
    isTrue: (pod: Pod) => boolean,
    timeoutMs = PATIENCE_MS,
  ): Promise<Pod> {
    let last: Pod | undefined;
    const look = async (): Promise<boolean> => {
      last = await this.getPod(name);
      return last !== undefined && isTrue(last);
    };
    await waitFor(`${name}: ${what}`, look, { deadlineMs: timeoutMs }).catch((error: unknown) => {
      throw new Error(`${String(error)}; last seen: ${JSON.stringify(last?.status)}`);
    });
    if (!last) throw new Error(`${name} is gone`);
    return last;
  }

  async untilRunning(name: string): Promise<Pod> {
    return await this.untilPod(name, 'Running and ready', isRunning);
  }

  async deletePod(name: string, gracePeriodSeconds?: number): Promise<void> {
    const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    await this.admin.delete(
      `${PODS}/${name}`,
      { kind: 'DeleteOptions', apiVersion: 'v1', ...grace },
      { signal: never },
    );
  }

  async untilGone(name: string): Promise<void> {
    await waitFor(`${name}: gone`, async () => (await this.getPod(name)) === undefined, {
      deadlineMs: PATIENCE_MS,
    });
  }

  async removePods(): Promise<void> {
    const pods = await this.listPods();
    if (pods.length === 0) return;
    await this.startAgent();
    for (const { metadata } of pods) await this.deletePod(metadata.name).catch(ignoreMissing);
    for (const { metadata } of pods) await this.untilGone(metadata.name);
  }

  async events(podUID: string): Promise<readonly Event[]> {
    const query = { fieldSelector: `involvedObject.uid=${podUID}` };
    const list = await this.admin.get<{ items: readonly Event[] }>('/api/v1/namespaces/default/events', {
      signal: never,
      query,
    });
    return list.items;
  }

  // ---- What is on the node

  async observe(podUID: string): Promise<Observed> {
    const filter = { labelSelector: { 'io.kubernetes.pod.uid': podUID } };
    const [sandboxes, containers] = await Promise.all([
      this.#runtime.runtime.listPodSandbox(filter, { signal: never }),
      this.#runtime.runtime.listContainers(filter, { signal: never }),
    ]);
    return { sandboxes, containers };
  }

  async signalRuntime(signal: NodeJS.Signals): Promise<void> {
    const identity = await this.node.holder.findDaemon('containerd');
    if (identity) await signalProcess(identity, signal);
  }

  /** Waits until the node holds nothing of a pod that is gone; throws with what stays. */
  async untilClean(podUIDs: readonly string[], timeoutMs = 30_000): Promise<void> {
    let left: readonly string[] = [];
    const look = async (): Promise<boolean> => {
      left = (await Promise.all(podUIDs.map(async uid => await this.leftovers(uid)))).flat();
      return left.length === 0;
    };
    await waitFor('nothing is left', look, { deadlineMs: timeoutMs }).catch(() => {
      throw new Error(`left behind after ${timeoutMs} ms: ${left.join(', ')}`);
    });
  }

  async leftovers(podUID: string): Promise<readonly string[]> {
    const { sandboxes, containers } = await this.observe(podUID);
    const root = `/proc/${this.#nodePid}/root`;
    const mounts = (await readFile(`/proc/${this.#nodePid}/mountinfo`, 'utf8')).split('\n');
    const uids = [podUID, podUID.replaceAll('-', '_')];
    const isOurs = (text: string): boolean => uids.some(uid => text.includes(uid));
    return [
      ...sandboxes.map(({ id }) => `sandbox ${id}`),
      ...containers.map(({ id }) => `container ${id}`),
      ...mounts.filter(isOurs).map(line => `mount ${line.split(' ')[4]}`),
      ...(await findPaths(`${root}/var/lib/kubelet/pods`, 1, isOurs)),
      ...(await findPaths(`${root}/var/log/pods`, 1, isOurs)),
      ...(await findPaths(`${root}/sys/fs/cgroup`, 4, isOurs)),
    ];
  }

  /** Directories of pods and links to logs that stand on the node. */
  async allLeftovers(): Promise<readonly string[]> {
    const root = `/proc/${this.#nodePid}/root`;
    const places = ['/var/lib/kubelet/pods', '/var/log/pods', '/var/log/containers'];
    const found = await Promise.all(
      places.map(async place => (await names(`${root}${place}`)).map(name => `${place}/${name}`)),
    );
    return found.flat();
  }

  /** Networks on the node against sandboxes that use one: what is more is lost for good. */
  async networkLeaks(): Promise<readonly string[]> {
    const root = `/proc/${this.#nodePid}/root`;
    const sandboxes = await this.#runtime.runtime.listPodSandbox({}, { signal: never });
    const ready = new Set(sandboxes.filter(({ state }) => state === 'SANDBOX_READY').map(({ id }) => id));
    const leaks: string[] = [];
    const networks = await names(`${root}/var/lib/cni/networks`);
    for (const network of networks) {
      for (const address of await names(`${root}/var/lib/cni/networks/${network}`)) {
        if (!/^[0-9a-f.:]+$/.test(address)) continue;
        const owner = await readFile(`${root}/var/lib/cni/networks/${network}/${address}`, 'utf8');
        const id = owner.split(/\s/)[0] ?? '';
        if (!ready.has(id)) leaks.push(`address ${address} of ${id.slice(0, 12)}`);
      }
    }
    const namespaces = await names(`${root}/run/netns`);
    if (namespaces.length > ready.size) {
      leaks.push(`${namespaces.length} network namespaces for ${ready.size} sandboxes`);
    }
    const links = (await this.node.execOk('ip', ['-o', 'link', 'show', 'type', 'veth'], { signal: never }))
      .split('\n')
      .filter(line => line.includes('veth'));
    if (links.length > ready.size + 1) leaks.push(`${links.length} veth links for ${ready.size} sandboxes`);
    return leaks;
  }

  async untilNoNetworkLeaks(timeoutMs = 30_000): Promise<void> {
    let leaks: readonly string[] = [];
    const look = async (): Promise<boolean> => {
      leaks = await this.networkLeaks();
      return leaks.length === 0;
    };
    await waitFor('no network is lost', look, { deadlineMs: timeoutMs }).catch(() => {
      throw new Error(`lost: ${leaks.join(', ')}`);
    });
  }
}

/** A process that serves at once and ends at once on SIGTERM. */
export function webContainer(name: string, port = 8080): Record<string, unknown> {
  return {
    name,
    image: IMAGES.web,
    imagePullPolicy: 'IfNotPresent',
    args: ['-listen', `:${port}`],
  };
}

export function busyboxContainer(name: string, script: string): Record<string, unknown> {
  return { name, image: IMAGES.busybox, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script] };
}

export function isRunning({ status, spec }: Pod): boolean {
  const ready = status?.containerStatuses?.filter(container => container.ready) ?? [];
  return status?.phase === 'Running' && ready.length === spec.containers.length;
}

export function restartCounts({ status }: Pod): readonly number[] {
  return (status?.containerStatuses ?? []).map(({ restartCount }) => restartCount);
}

export function readyOf(node: Node): { readonly status: string; readonly message?: string } | undefined {
  return node.status?.conditions?.find(({ type }) => type === 'Ready');
}

export async function pause(timeMs: number): Promise<void> {
  await delay(timeMs);
}

/** How others have set up the agent of a sandbox that is there already. */
interface AgentBefore {
  readonly isRunning: boolean;
  readonly files: readonly (readonly [path: string, text: string])[];
}

async function rememberAgent(node: SandboxNode): Promise<AgentBefore> {
  const paths = ['config.yaml', 'kubeconfig'].map(name => node.hostPath(`/etc/nodelet/${name}`));
  const files = await Promise.all(paths.map(async path => [path, await readFile(path, 'utf8')] as const));
  return { isRunning: await node.agent.isRunning(), files };
}

async function listenApi(sandbox: Sandbox): Promise<ApiProxy> {
  const { pki } = sandbox.paths;
  const read = async (name: string): Promise<string> => await readFile(join(pki, name), 'utf8');
  const { name } = sandbox.node();
  // The file that pki/ made for this node, in the form it has there.
  const kubeconfig = parse(await read(`${name}.kubeconfig`)) as {
    users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
  };
  const { user } = kubeconfig.users[0];
  const decode = (text: string): string => Buffer.from(text, 'base64').toString();
  return await ApiProxy.listen({
    host: sandbox.subnet.host,
    server: sandbox.server,
    authority: await read('ca.crt'),
    serving: { cert: await read(`${name}-serving.crt`), key: await read(`${name}-serving.key`) },
    client: { cert: decode(user['client-certificate-data']), key: decode(user['client-key-data']) },
  });
}

async function writeAgentFiles(
  sandbox: Sandbox,
  endpoint: string,
  apiUrl: string | undefined,
  more: Readonly<Record<string, unknown>>,
): Promise<void> {
  const node = sandbox.node();
  const path = node.hostPath('/etc/nodelet/config.yaml');
  const config = parse(await readFile(path, 'utf8')) as Record<string, unknown>; // written by the sandbox
  await writeFile(path, stringify({ ...config, containerRuntimeEndpoint: endpoint, ...more }));
  if (apiUrl === undefined) return;
  const kubeconfigPath = node.hostPath('/etc/nodelet/kubeconfig');
  const kubeconfig = parse(await readFile(kubeconfigPath, 'utf8')) as {
    clusters: [{ cluster: Record<string, unknown> }];
  };
  Object.assign(kubeconfig.clusters[0].cluster, { server: apiUrl, 'tls-server-name': node.name });
  await writeFile(kubeconfigPath, stringify(kubeconfig));
}

async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  return await promise.catch(ignoreMissing);
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof NotFoundError) return undefined;
  throw error;
}

async function names(directory: string): Promise<readonly string[]> {
  return await readdir(directory).catch(() => []); // not made yet
}

async function findPaths(
  directory: string,
  depth: number,
  isWanted: (name: string) => boolean,
): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []); // vanished meanwhile
  const found = await Promise.all(
    entries.map(async entry => {
      const path = join(directory, entry.name);
      if (isWanted(entry.name)) return [path.replace(/^\/proc\/\d+\/root/, '')];
      return entry.isDirectory() && depth > 1 ? await findPaths(path, depth - 1, isWanted) : [];
    }),
  );
  return found.flat();
}
