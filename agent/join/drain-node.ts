// Empties a node as `kubectl drain` does, with the node's own rights: no new pods, then an eviction for each, which
// PodDisruptionBudgets may delay.

import type { ApiClient } from '../api/client.ts';
import type { Pod } from '../api/objects.ts';
import { nodePath, podPath, podsPath } from '../api/paths.ts';
import { errorMessage, NotFoundError, UnavailableError } from '../lib/errors.ts';
import { sleep } from '../lib/sleep.ts';

export interface DrainOptions {
  readonly nodeName: string;
  readonly timeoutMs: number;
  readonly report: (step: string) => void;
  readonly signal: AbortSignal;
}

const LOOK_MS = 1_000;
const REQUEST_TIMEOUT_MS = 10_000;
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** Throws UnavailableError that names the pods which are still there when the time is up. */
export async function drainNode(api: ApiClient, options: DrainOptions): Promise<void> {
  const { nodeName, timeoutMs, report, signal } = options;
  const limits = { signal, timeoutMs: REQUEST_TIMEOUT_MS };
  try {
    await api.patch(nodePath(nodeName), { spec: { unschedulable: true } }, { ...limits, type: 'merge' });
  } catch (error) {
    if (error instanceof NotFoundError) return; // it has left already
    throw error;
  }
  const untilMs = performance.now() + timeoutMs;
  let said = '';
  let why = '';
  for (;;) {
    const pods = await listDrained(api, nodeName, limits);
    if (pods.length === 0) return;
    const names = pods.map(nameOf).join(', ');
    if (names !== said) report(`waiting for ${names}`);
    said = names;
    if (performance.now() > untilMs) {
      const text = `still on this node: ${names}${why === '' ? '' : ` (${why})`}; nothing was removed, but no new pods come here: say it again, or undo it with \`kubectl uncordon ${nodeName}\``;
      throw new UnavailableError(text, { code: 'NotDrained' });
    }
    for (const pod of pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)) {
      why = (await evict(api, pod, limits)) ?? why;
    }
    await sleep(LOOK_MS, { signal });
    signal.throwIfAborted();
  }
}

interface Limits {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Pods that go elsewhere; those of DaemonSets and static pods belong to the node and end with it. */
async function listDrained(api: ApiClient, nodeName: string, limits: Limits): Promise<readonly Pod[]> {
  const query = { fieldSelector: `spec.nodeName=${nodeName}` };
  const { items } = await api.get<{ readonly items: readonly Pod[] }>(podsPath, { ...limits, query });
  return items.filter(({ metadata, status }) => {
    const isOfNode =
      metadata.annotations?.[MIRROR_ANNOTATION] !== undefined ||
      metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet') === true;
    const hasEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed';
    return !isOfNode && !hasEnded;
  });
}

/** Why it was not taken, e.g. by a budget; it is asked again. */
async function evict(api: ApiClient, pod: Pod, limits: Limits): Promise<string | undefined> {
  const { name, namespace = '' } = pod.metadata;
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
  try {
    await api.create(`${podPath(namespace, name)}/eviction`, body, limits);
    return undefined;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    if (error instanceof UnavailableError) return errorMessage(error);
    throw error;
  }
}

function nameOf({ metadata }: Pod): string {
  return `${metadata.namespace}/${metadata.name}`;
}
