// Everybody who may ask for a pod on this node: the API server, and files and a URL of the node's own.

import { TaskGroup } from '../lib/task-group.ts';
import { type ApiSourceDeps, runApiSource, runLeftoverSweep } from './api-source.ts';
import { runStaticSources, type StaticSourceDeps } from './static-source.ts';

export type PodSourcesDeps = Omit<ApiSourceDeps, 'rootDir'> & StaticSourceDeps;

/** Lives until the signal aborts. Static pods wait for nobody: they may be what the API server runs in. */
export async function runPodSources(
  deps: PodSourcesDeps,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { client, workers, mirrors, config, logger } = deps;
  const tasks = new TaskGroup({ signal });
  tasks.run(inner => runStaticSources(deps, { signal: inner }));
  if (!client.hasServer) {
    logger.warn(
      { left: countOthers(deps) },
      'no kubeconfig: only static pods run here, and what else runs is left alone',
    );
    await tasks.join();
    return;
  }
  workers.onChange(() => mirrors.wake());
  mirrors.onChange(() => workers.wakeStaticPods());
  const source = { ...deps, rootDir: config.rootDir };
  tasks.run(inner => runApiSource(source, { signal: inner }));
  tasks.run(inner => runLeftoverSweep(source, { signal: inner }));
  const statics = { staticPods: () => workers.staticPods(), knowsStaticPods: () => workers.knowsStaticPods };
  tasks.run(inner => mirrors.run(statics, { signal: inner }));
  await tasks.join();
}

// Of an earlier life as a node of a cluster: nobody can say whether they are still wanted.
function countOthers({ snapshots }: PodSourcesDeps): number {
  return [...snapshots.all()].filter(({ isStatic }) => !isStatic).length;
}
