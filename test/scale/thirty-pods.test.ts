// Thirty pods come and go, and nothing of them is left on the nodes.
import t from 'tap';
import { useCluster } from '../support/cluster.ts';
import { listRunning, scaleTo } from '../support/pod-set.ts';
import { waitFor } from '../support/wait-for.ts';

const PODS = 30;
const cluster = await useCluster(t);

async function remnants(): Promise<readonly string[]> {
  const nodes = await Promise.all(
    cluster.sandbox.nodes.map(async ({ name }) => {
      const node = await cluster.node(name);
      return (await node.remnants()).map(remnant => `${name} ${remnant}`);
    }),
  );
  return nodes.flat();
}

/** Containers and log files go a moment after the object; the rest goes before it. */
async function untilClean(): Promise<void> {
  let left: readonly string[] = [];
  await waitFor(
    'nothing to be left',
    async () => {
      left = await remnants();
      return left.length === 0;
    },
    { deadlineMs: 20_000, pollMs: 250 },
  ).catch((error: unknown) => {
    throw new Error(`left behind:\n${left.slice(0, 30).join('\n')}`, { cause: error });
  });
}

t.test('before it nothing is there of other pods', untilClean);

t.test(`scaled to ${PODS}`, async t => {
  const startedAtMs = performance.now();
  const pods = await scaleTo(cluster, PODS);
  t.comment(`${PODS} pods ready in ${Math.round(performance.now() - startedAtMs)} ms`);
  t.equal(new Set(pods.map(({ status }) => status?.podIP)).size, PODS, 'each has its own address');
  t.equal((await listRunning(cluster)).length, PODS);
  t.ok((await remnants()).length >= PODS * 8, 'the search for remnants finds what is there');
});

t.test(
  'scaled to 0: no container, namespace, link, cgroup, mount, directory, log or reservation is left',
  async t => {
    const startedAtMs = performance.now();
    await scaleTo(cluster, 0);
    t.comment(`gone in ${Math.round(performance.now() - startedAtMs)} ms`);
    await untilClean();
    t.pass('nothing is left');
  },
);
