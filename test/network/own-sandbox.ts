// Two dual-stack nodes that are this test's own: what it does to a network would break other tests.
import type { Test } from 'tap';
import { timedLog } from '../../hack/sandbox/command.ts';
import { createSandbox, destroySandbox, openSandbox } from '../../hack/sandbox/sandbox.ts';
import { startAgents } from '../../hack/sandbox/start-agents.ts';
import { TestCluster } from '../support/cluster.ts';

const { signal } = new AbortController();

/** The sandbox named in NODELET_NETWORK_SANDBOX, which stays, or one that goes with the test. */
export async function useOwnCluster(t: Test): Promise<TestCluster> {
  const given = process.env['NODELET_NETWORK_SANDBOX'];
  const name = given ?? `net-${process.pid}`;
  const progress = { signal, log: timedLog() };
  if (given === undefined) t.teardown(() => destroySandbox(name, progress));
  const sandbox =
    (await openSandbox(name)) ?? (await createSandbox({ name, nodeCount: 2, isDualStack: true }, progress));
  await startAgents(sandbox, progress);
  const cluster = await TestCluster.open(sandbox);
  t.teardown(() => cluster.close());
  return cluster;
}
