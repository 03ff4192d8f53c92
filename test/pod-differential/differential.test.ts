// The same pods on nodelet and on the real kubelet: the same status in every field, the same events.
import t, { type Test } from 'tap';
import type { Pod } from '../../agent/api/objects.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  ALLOWED_AFTER_DELETION,
  ALLOWED_DIFFERENCES,
  type AllowedDifference,
} from './allowed-differences.ts';
import { describeEvents, describeStatus } from './normalise.ts';
import { type ComparedPod, PODS } from './pods.ts';
import { AGENTS, type AgentName, TwoAgents } from './two-agents.ts';

t.setTimeout(300_000);

const WAIT = { deadlineMs: 120_000, pollMs: 100 } as const;
// What one tells a moment later than the other is no difference.
const EQUAL_DEADLINE_MS = 40_000;

const words = process.argv.slice(2);
const pods = PODS.filter(({ name }) => words.length === 0 || words.includes(name));

const agents = await TwoAgents.open();
t.teardown(async () => await agents.close());

await agents.apply({
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  metadata: { name: 'unconfigured' },
  handler: 'unconfigured',
});
await agents.create('configmaps', 'settings', { data: { color: 'green', 'odd.name': 'x' } });
await agents.create('secrets', 'creds', { stringData: { password: 's3cret' } });
await agents.create('services', 'web', {
  spec: {
    selector: { app: 'none' },
    ports: [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  },
});
await agents.create('services', 'headless', { spec: { clusterIP: 'None', ports: [{ port: 80 }] } });
for (const pod of pods) await agents.createPod(pod);

// All at once: most of the time goes by in back-offs and grace periods.
const outcomes = new Map(pods.map(pod => [pod.name, atRestAndSame(pod)]));
for (const { name } of pods) {
  t.test(name, async t => expectNone(t, await outcomes.get(name), name));
}

t.test('after the pods were deleted', async t => {
  await Promise.all(pods.map(async ({ name }) => await agents.deletePod(name)));
  const results = await Promise.all(pods.map(async ({ name }) => [name, await goneAndSame(name)] as const));
  for (const [name, differences] of results) expectNone(t, differences, name);
});

function expectNone(t: Test, differences: readonly string[] = [], name: string): void {
  for (const line of differences) t.comment(`${name}: ${line}`);
  t.equal(differences.length, 0, name);
}

// A crash loop moves on while the other node is awaited, so what counts is that at some time at rest both said the same.
async function atRestAndSame({ name, isAtRest }: ComparedPod): Promise<readonly string[]> {
  const restsOf = (agent: AgentName) => agents.history(agent, name).filter(pod => isAtRest(pod));
  const isAtRestOnBoth = () => AGENTS.every(agent => restsOf(agent).length > 0);
  try {
    await waitFor('at rest', isAtRestOnBoth, WAIT);
  } catch {
    const restless = AGENTS.filter(agent => restsOf(agent).length === 0);
    return restless.map(agent => {
      const last = agents.history(agent, name).at(-1);
      return `${agent}: never at rest, ${JSON.stringify(last?.status)}`;
    });
  }
  return await untilSame(name, restsOf, ALLOWED_DIFFERENCES);
}

async function goneAndSame(name: string): Promise<readonly string[]> {
  const isGone = () => AGENTS.every(agent => agents.side(agent).watch.get(name) === undefined);
  await waitFor(`${name} to be gone`, isGone, WAIT);
  const lastOf = (agent: AgentName) => agents.history(agent, name).slice(-1);
  return await untilSame(name, lastOf, [...ALLOWED_DIFFERENCES, ...ALLOWED_AFTER_DELETION]);
}

async function untilSame(
  name: string,
  versionsOf: (agent: AgentName) => readonly Pod[],
  allowances: readonly AllowedDifference[],
): Promise<readonly string[]> {
  let differences: readonly string[] = [];
  const isSame = (): boolean => {
    differences = closest(versionsOf('kubelet'), versionsOf('nodelet')).filter(
      line => !allowances.some(allowed => allowed.line.test(`${name}: ${line}`)),
    );
    return differences.length === 0;
  };
  try {
    await waitFor('the same', isSame, { deadlineMs: EQUAL_DEADLINE_MS, pollMs: 250 });
    return [];
  } catch {
    return differences; // which the assertion shows
  }
}

/** The differences between those two versions that differ least. */
function closest(ofKubelet: readonly Pod[], ofNodelet: readonly Pod[]): readonly string[] {
  const pairs = ofKubelet.flatMap(kubelet => ofNodelet.map(nodelet => compare(kubelet, nodelet)));
  return pairs.toSorted((a, b) => a.length - b.length)[0] ?? ['no status'];
}

function compare(kubeletPod: Pod, nodeletPod: Pod): readonly string[] {
  const [kubelet, nodelet] = [describe('kubelet', kubeletPod), describe('nodelet', nodeletPod)];
  const differences: string[] = [];
  for (const path of new Set([...kubelet.status.keys(), ...nodelet.status.keys()])) {
    const [expected, actual] = [kubelet.status.get(path), nodelet.status.get(path)];
    if (expected !== actual) differences.push(`${path}: kubelet ${expected}, nodelet ${actual}`);
  }
  for (const event of kubelet.events.difference(nodelet.events)) differences.push(`missing event ${event}`);
  for (const event of nodelet.events.difference(kubelet.events)) differences.push(`more events ${event}`);
  return differences;
}

function describe(agent: AgentName, pod: Pod) {
  const side = agents.side(agent);
  return { status: describeStatus(pod, side), events: describeEvents(pod, side.events.list(), side) };
}
