// Without a running agent: what the container runtime shows, and what the agent said last.
import { connectRuntime } from '../cri/connect.ts';
import { explainObserved, withoutNextTry } from '../explain/build-offline.ts';
import type { PodExplanation } from '../explain/explanation.ts';
import { readLastState } from '../explain/last-state.ts';
import { LAST_STATE_FILE } from '../explain/local-paths.ts';
import { createSilentLogger } from '../lib/logger.ts';
import { RuntimeSnapshots } from '../runtime/snapshots.ts';

const TIMEOUT_MS = 5000;

export async function explainOffline(
  runtimeEndpoint: string,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<PodExplanation | undefined> {
  const connection = connectRuntime({ runtimeEndpoint });
  try {
    const { runtime } = connection;
    const snapshots = new RuntimeSnapshots({ runtime, logger: createSilentLogger() });
    await snapshots.relist({ signal: AbortSignal.timeout(TIMEOUT_MS) });
    const isMeant = (pod: { readonly namespace: string; readonly name: string }): boolean =>
      pod.namespace === namespace && pod.name === name;
    const last = (await readLastState(LAST_STATE_FILE))?.pods.find(isMeant);
    const observed = [...snapshots.all()].find(isMeant);
    if (!observed) return last && { ...last, blocker: withoutNextTry(last.blocker), source: 'runtime' };
    return explainObserved(observed, last, Date.now());
  } finally {
    connection.close();
  }
}
