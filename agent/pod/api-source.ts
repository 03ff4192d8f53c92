// Pods bound to this node, from the API server to the workers. A pod is given up because the server told of its
// deletion, or because two looks agree that it is gone: an empty list alone never ends a running pod.

import type { ApiClient } from '../api/client.ts';
import type { Pod } from '../api/objects.ts';
import { trimObject } from '../api/trim.ts';
import { watchObjects } from '../api/watch.ts';
import { Backoff } from '../lib/backoff.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { isStaticPod } from '../resources/pod-class.ts';
import type { RuntimeSnapshots } from '../runtime/snapshots.ts';
import { listPodDirectories } from './leftover-pods.ts';
import type { MirrorPods } from './mirror-pods.ts';
import type { PodWorkers } from './workers.ts';

const PODS_PATH = '/api/v1/pods';
const SWEEP_INTERVAL_MS = 3_600_000; // the first is made with the first list
const SECOND_LOOK_RETRY = { initialMs: 500, maxMs: 30_000, jitter: 0.3 } as const;

// A static pod's UID is a hash and has no dashes; whether such a pod is still asked for, its own source tells.
const STATIC_UID = /^[0-9a-f]{32}$/;

export interface ApiSourceDeps {
  readonly client: ApiClient;
  readonly nodeName: string;
  /** The kubelet's root directory. */
  readonly rootDir: string;
  readonly workers: PodWorkers;
  readonly mirrors: MirrorPods;
  readonly snapshots: RuntimeSnapshots;
  readonly logger: Logger;
}

/** Lives until the signal aborts. */
export async function runApiSource(deps: ApiSourceDeps, { signal }: { signal: AbortSignal }): Promise<void> {
  const { client, nodeName, workers, mirrors, logger } = deps;
  const query = { fieldSelector: `spec.nodeName=${nodeName}` };
  const options = { path: PODS_PATH, query, signal, logger };
  for await (const event of watchObjects<Pod>(client, options)) {
    switch (event.kind) {
      case 'upserted':
        if (!mirrors.take(event.object)) workers.upsert({ pod: event.object, source: 'api' });
        break;
      case 'deleted':
        if (!mirrors.forget(event.object.metadata.uid ?? '')) workers.remove(event.object.metadata.uid ?? '');
        break;
      case 'synced':
        workers.upsertAll(mirrors.takeAll(event.objects).map(pod => ({ pod, source: 'api' })));
        await removeUnlisted(deps, event.objects, signal);
        workers.completeDesired('api');
        break;
    }
  }
}

/** Lives until the signal aborts: finds directories of pods that nobody knows, which other programs may have left. */
export async function runLeftoverSweep(
  deps: ApiSourceDeps,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await sleep(SWEEP_INTERVAL_MS, { signal });
    if (!signal.aborted) await removeUnlisted(deps, deps.workers.desiredPods(), signal);
  }
}

async function removeUnlisted(
  deps: ApiSourceDeps,
  listed: readonly Pod[],
  signal: AbortSignal,
): Promise<void> {
  // Their volumes may hold data: not given up on the word of one list either.
  const withDirectory = await listDirectories(deps);
  const missing = findMissing(deps, listed, withDirectory);
  if (missing.size === 0) return;
  const again = await lookAgain(deps, missing.size, signal);
  for (const pod of again ?? []) {
    if (!deps.mirrors.take(pod)) deps.workers.upsert({ pod, source: 'api' });
  }
  if (!again) return;
  const stillMissing = findMissing(deps, again, withDirectory);
  for (const podUID of missing) {
    if (!stillMissing.has(podUID)) continue;
    deps.workers.remove(podUID);
    deps.workers.clearLeftover(podUID);
  }
}

// A directory that cannot be read keeps no pod from running; what it holds is found at the next look.
async function listDirectories({ rootDir, logger }: ApiSourceDeps): Promise<readonly string[]> {
  try {
    return await listPodDirectories(rootDir);
  } catch (error) {
    logger.warn(
      { err: error, rootDir },
      'directories of pods cannot be listed, looking again with the next list',
    );
    return [];
  }
}

// What runs, was asked for or has left something, and does not stand in the list.
function findMissing(
  { workers, snapshots }: ApiSourceDeps,
  listed: readonly Pod[],
  withDirectory: readonly string[],
): Set<string> {
  const present = new Set(listed.map(({ metadata }) => metadata.uid));
  const ofOthers = new Set([
    ...workers
      .desiredPods()
      .filter(isStaticPod)
      .map(({ metadata }) => metadata.uid),
    ...[...snapshots.all()].filter(({ isStatic }) => isStatic).map(({ podUID }) => podUID),
  ]);
  const known = [
    ...workers.desiredPods().map(({ metadata }) => metadata.uid ?? ''),
    ...[...snapshots.all()].map(({ podUID }) => podUID),
    ...[...snapshots.unread(), ...withDirectory].filter(podUID => !STATIC_UID.test(podUID)),
  ];
  return new Set(known.filter(podUID => !present.has(podUID) && !ofOthers.has(podUID)));
}

/** The list as etcd has it now (no resourceVersion: a quorum read), tried until the server answers. */
async function lookAgain(
  { client, nodeName, logger }: ApiSourceDeps,
  missing: number,
  signal: AbortSignal,
): Promise<readonly Pod[] | undefined> {
  const backoff = new Backoff(SECOND_LOOK_RETRY);
  const query = { fieldSelector: `spec.nodeName=${nodeName}` };
  while (!signal.aborted) {
    try {
      const list = await client.get<{ items: readonly Pod[] }>(PODS_PATH, { signal, query });
      return list.items.map(trimObject);
    } catch (error) {
      if (signal.aborted) return undefined;
      logger.warn(
        { missing, err: error },
        'pods are missing from the list; they keep running until a second look',
      );
    }
    await sleep(backoff.nextMs(), { signal });
  }
  return undefined;
}
