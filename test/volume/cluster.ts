// What the volume tests share: an API server that authorises the node as a real one does, pods on that node, and a
// volume manager on a directory of its own.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiClient } from '../../agent/api/client.ts';
import type { Container, Pod, PodSpec, Volume } from '../../agent/api/objects.ts';
import { ensureTmpfs, ensureUnmountedBelow } from '../../agent/host/mounts.ts';
import { systemClock } from '../../agent/lib/clock.ts';
import { createSilentLogger, type Logger } from '../../agent/lib/logger.ts';
import { VolumeManager, type VolumesOutcome } from '../../agent/volume/volume-manager.ts';
import { TestApiServer } from '../support/apiserver.ts';

export const NODE = 'node-1';
export const NAMESPACE = 'default';
export const never: AbortSignal = new AbortController().signal;

const COLLECTION = `/api/v1/namespaces/${NAMESPACE}`;

/** A volume manager that runs until `stop`. */
export interface RunningManager {
  readonly manager: VolumeManager;
  /** UIDs of pods that were woken. */
  readonly woken: string[];
  ensure(pod: Pod): Promise<VolumesOutcome>;
  /** As a SIGKILL would: nothing is cleaned up on disk. */
  stop(): Promise<void>;
}

export class VolumeCluster {
  readonly server: TestApiServer;
  readonly admin: ApiClient;
  readonly rootDir: string;
  readonly #directory: string;
  #nodeUID: string | undefined;

  private constructor(directory: string, server: TestApiServer, admin: ApiClient) {
    this.#directory = directory;
    this.rootDir = join(directory, 'kubelet');
    this.server = server;
    this.admin = admin;
  }

  static async start(more: readonly string[] = []): Promise<VolumeCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'nodelet-volumes-'));
    await ensureTmpfs(directory, { mode: 0o755 });
    const flags = ['--enable-admission-plugins=NodeRestriction', ...more];
    const server = await TestApiServer.start({ directory: join(directory, 'api'), flags });
    server.issue('node', `/O=system:nodes/CN=system:node:${NODE}`);
    server.writeKubeconfig(
      'node-kubeconfig',
      {},
      { 'client-certificate': 'node.crt', 'client-key': 'node.key' },
    );
    const cluster = new VolumeCluster(directory, server, await server.connect());
    await mkdir(cluster.rootDir);
    const node = await cluster.create<Pod>('/api/v1/nodes', { kind: 'Node', metadata: { name: NODE } });
    cluster.#nodeUID = node.metadata.uid;
    await cluster.put('serviceaccounts', 'default', { kind: 'ServiceAccount' });
    await cluster.put('configmaps', 'kube-root-ca.crt', { kind: 'ConfigMap', data: { 'ca.crt': 'PEM' } });
    return cluster;
  }

  async stop(): Promise<void> {
    await this.admin.close();
    await this.server.stop();
    await ensureUnmountedBelow(this.#directory, { isLazy: true });
    await rm(this.#directory, { recursive: true });
  }

  async startManager({
    skewMs = 0,
    logger = createSilentLogger(),
  }: {
    skewMs?: number;
    logger?: Logger;
  } = {}): Promise<RunningManager> {
    const client = await this.server.connect(logger, join(this.server.directory, 'node-kubeconfig'));
    const manager = new VolumeManager({
      client,
      rootDir: this.rootDir,
      logger,
      clock: { nowMs: () => systemClock.nowMs() + skewMs },
      node: {
        allocatable: () => ({ cpu: '2', memory: '64Mi' }),
        labels: () => ({ 'kubernetes.io/hostname': NODE }),
        uid: () => this.#nodeUID,
      },
    });
    const abort = new AbortController();
    const woken: string[] = [];
    manager.onChange(podUID => woken.push(podUID));
    const running = manager.run(abort.signal);
    return {
      manager,
      woken,
      ensure: pod => manager.ensureVolumes(pod, { signal: abort.signal }),
      stop: async () => {
        abort.abort();
        await running;
        await client.close();
      },
    };
  }

  async create<T>(path: string, body: object): Promise<T> {
    return await this.admin.create<T>(path, { apiVersion: 'v1', ...body }, { signal: never });
  }

  async put(resource: string, name: string, body: object): Promise<void> {
    await this.create(`${COLLECTION}/${resource}`, { ...body, metadata: { name } });
  }

  async patch<T>(resource: string, name: string, body: object): Promise<T> {
    return await this.admin.patch<T>(`${COLLECTION}/${resource}/${name}`, body, {
      signal: never,
      type: 'merge',
    });
  }

  async delete(resource: string, name: string): Promise<void> {
    await this.admin.delete(`${COLLECTION}/${resource}/${name}`, undefined, { signal: never });
  }

  /** A pod bound to the node, each volume mounted at /<name>. */
  async pod(name: string, volumes: readonly Volume[], spec: Partial<PodSpec> = {}): Promise<Pod> {
    const container: Container = {
      name: 'main',
      image: 'none',
      volumeMounts: volumes.map(volume => ({ name: volume.name, mountPath: `/${volume.name}` })),
    };
    return await this.create<Pod>(`${COLLECTION}/pods`, {
      kind: 'Pod',
      metadata: { name, labels: { app: name } },
      spec: { nodeName: NODE, serviceAccountName: 'default', containers: [container], volumes, ...spec },
    });
  }
}

/** Where a volume that was set up lies on the node; empty for one that is none of the node's files. */
export function hostPathOf(outcome: VolumesOutcome, name: string): string {
  if (outcome.kind !== 'ready') throw new Error(JSON.stringify(outcome));
  const volume = outcome.volumes.get(name);
  return volume === undefined || volume.kind === 'image' ? '' : volume.hostPath;
}

/** The volume that admission gives every pod. */
export function apiAccess(name = 'kube-api-access', expirationSeconds = 3607): Volume {
  return {
    name,
    projected: {
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}
