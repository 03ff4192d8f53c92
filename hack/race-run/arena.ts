// Where the race takes place: one node, one namespace, one watch of its pods; both contestants meet the same.
import { ApiClient } from '../../agent/api/client.ts';
import type { KubeObject, Lease, Node, Pod } from '../../agent/api/objects.ts';
import { configMapPath, configMapsPath, leasesPath, nodePath, podPath } from '../../agent/api/paths.ts';
import { AlreadyExistsError, NotFoundError } from '../../agent/lib/errors.ts';
import { createSilentLogger } from '../../agent/lib/logger.ts';
import { sleep } from '../../agent/lib/sleep.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { waitFor } from '../sandbox/wait.ts';
import { parseNodeRequests } from './api-usage.ts';
import type { Contestant } from './contestant.ts';
import { ObjectWatch, type Sighting } from './object-watch.ts';
import { plainPod } from './pods.ts';
import { RaceNode } from './race-node.ts';

const NAMESPACE = 'race';
const LEASE_NAMESPACE = 'kube-node-lease';
/** Longer than the slowest thing a healthy contestant does. */
export const PATIENCE_MS = 90_000;
const SETTLE_MS = 2000;

export class Arena {
  readonly sandbox: Sandbox;
  readonly node: RaceNode;
  readonly api: ApiClient;
  readonly pods: ObjectWatch<Pod>;
  readonly leases: ObjectWatch<Lease>;
  readonly signal: AbortSignal;

  private constructor(sandbox: Sandbox, node: RaceNode, api: ApiClient, signal: AbortSignal) {
    this.sandbox = sandbox;
    this.node = node;
    this.api = api;
    this.signal = signal;
    this.pods = new ObjectWatch<Pod>(api, podsPath);
    this.leases = new ObjectWatch<Lease>(api, leasesPath(LEASE_NAMESPACE));
  }

  static async open(sandbox: Sandbox, { signal }: { signal: AbortSignal }): Promise<Arena> {
    const api = await ApiClient.connect({
      kubeconfigPath: sandbox.adminKubeconfigPath,
      logger: createSilentLogger(),
      userAgent: 'nodelet-race',
      signal,
    });
    await ensureNamespace(api, signal);
    const arena = new Arena(sandbox, await RaceNode.open(sandbox.node()), api, signal);
    await Promise.all([arena.pods.untilSynced(), arena.leases.untilSynced()]);
    return arena;
  }

  async close(): Promise<void> {
    await Promise.all([this.pods.close(), this.leases.close()]);
    this.node.close();
    await this.api.close();
  }

  // ---- Contestants

  /** Starts a contestant on an empty node and returns when a pod has come and gone there. */
  async bringUp(contestant: Contestant): Promise<void> {
    await this.clear();
    await contestant.start(this);
    const name = `warm-up-${contestant.name}`;
    await this.createPod(plainPod(name));
    await this.untilRunning(name);
    await this.deletePod(name);
    await this.untilGone(name);
    await waitFor('the node to be Ready', async () => ((await this.isNodeReady()) ? true : undefined), {
      signal: this.signal,
      timeoutMs: PATIENCE_MS,
    });
    await sleep(SETTLE_MS, this);
  }

  /** Ends a contestant and leaves the node empty. */
  async bringDown(contestant: Contestant): Promise<void> {
    await this.removeAllPods();
    await contestant.stop();
    await this.clear();
  }

  /** Removes every pod while an agent is there to do so. */
  async removeAllPods(): Promise<void> {
    const names = this.pods.list().map(({ metadata }) => metadata.name);
    await Promise.all(names.map(async name => await this.deletePod(name)));
    await Promise.all(names.map(async name => await this.untilGone(name)));
  }

  /** Removes what may be left while no agent runs. */
  async clear(): Promise<void> {
    for (const { metadata } of this.pods.list())
      await this.deletePod(metadata.name, { gracePeriodSeconds: 0 });
    await this.node.removeAllSandboxes(this);
  }

  async isNodeReady(): Promise<boolean> {
    const node = await this.api.get<Node>(nodePath(this.node.node.name), this);
    return node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  }

  // ---- Pods

  async createPod(pod: PodManifest): Promise<void> {
    await this.api.create(podsPath, pod, this);
  }

  async deletePod(name: string, body?: { readonly gracePeriodSeconds: number }): Promise<void> {
    try {
      await this.api.delete(podPath(NAMESPACE, name), body, this);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }

  async untilRunning(name: string): Promise<Sighting<Pod>> {
    return await this.until(name, 'Running', pod => pod !== undefined && isRunning(pod));
  }

  async untilGone(name: string): Promise<Sighting<Pod>> {
    return await this.until(name, 'gone', pod => pod === undefined);
  }

  async until(name: string, what: string, test: (pod: Pod | undefined) => boolean): Promise<Sighting<Pod>> {
    return await this.pods.until(name, what, test, { signal: this.signal, timeoutMs: PATIENCE_MS });
  }

  // ---- ConfigMaps

  async createConfigMap(name: string, data: Readonly<Record<string, string>>): Promise<void> {
    try {
      await this.api.create(configMapsPath(NAMESPACE), { metadata: { name }, data }, this);
    } catch (error) {
      if (!(error instanceof AlreadyExistsError)) throw error;
      await this.patchConfigMap(name, data);
    }
  }

  async patchConfigMap(name: string, data: Readonly<Record<string, string>>): Promise<void> {
    await this.api.patch(configMapPath(NAMESPACE, name), { data }, { signal: this.signal, type: 'merge' });
  }

  // ---- The API server

  async readNodeRequests(): Promise<number> {
    return parseNodeRequests(await this.sandbox.kubectl(['get', '--raw=/metrics'], this));
  }
}

const podsPath = `/api/v1/namespaces/${NAMESPACE}/pods`;

export interface PodManifest {
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

export function isRunning({ spec, status }: Pod): boolean {
  const statuses = status?.containerStatuses ?? [];
  return (
    status?.phase === 'Running' &&
    statuses.length === spec.containers.length &&
    statuses.every(({ state }) => state.running !== undefined)
  );
}

async function ensureNamespace(api: ApiClient, signal: AbortSignal): Promise<void> {
  try {
    await api.create('/api/v1/namespaces', { metadata: { name: NAMESPACE } }, { signal });
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
  }
  for (const path of ['serviceaccounts/default', 'configmaps/kube-root-ca.crt']) {
    const read = async () => {
      try {
        return await api.get<KubeObject>(`/api/v1/namespaces/${NAMESPACE}/${path}`, { signal });
      } catch (error) {
        if (error instanceof NotFoundError) return undefined;
        throw error;
      }
    };
    await waitFor(path, read, { signal, timeoutMs: PATIENCE_MS });
  }
}
