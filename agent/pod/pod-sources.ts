// Everybody who may ask for a pod on this node: the API server, and files and a URL of the node's own.

import { settledOrAborted } from '../lib/abort.ts';
import { TaskGroup } from '../lib/task-group.ts';
import { type ApiSourceDeps, runApiSource, runLeftoverSweep } from './api-source.ts';
import { runStaticSources, type StaticSourceDeps } from './static-source.ts';

export type PodSourcesDeps = Omit<ApiSourceDeps, 'rootDir'> &
  StaticSourceDeps & {
    /** Fulfilled when pods can be made: the runtime has been listed. */
    readonly canStart: Promise<unknown>;
  };

/**
 * Lives until the signal aborts. Static pods do not wait for the API, they may be what its server runs in; but they wait
 * until all that runs was read, since they may be its next version.
 */
export async function runPodSources(
  deps: PodSourcesDeps,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { client, workers, mirrors, snapshots, config, logger, canStart } = deps;
  const tasks = new TaskGroup({ signal });
  tasks.run(async inner => {
    await settledOrAborted(Promise.all([canStart, snapshots.read]), inner);
    await runStaticSources(deps, { signal: inner });
  });
  if (!client.hasServer) {
    await settledOrAborted(snapshots.read, signal);
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
  tasks.run(async inner => {
    await settledOrAborted(canStart, inner);
    await runApiSource(source, { signal: inner });
  });
  tasks.run(inner => runLeftoverSweep(source, { signal: inner }));
  const statics = { staticPods: () => workers.staticPods(), knowsStaticPods: () => workers.knowsStaticPods };
  tasks.run(inner => mirrors.run(statics, { signal: inner }));
  await tasks.join();
}

// Of an earlier life as a node of a cluster: nobody can say whether they are still wanted.
function countOthers({ snapshots }: PodSourcesDeps): number {
  return [...snapshots.all()].filter(({ isStatic }) => !isStatic).length;
}
