// One cluster with nodelet on one node and the real kubelet on the other, and a namespace for each of them.
import { ApiClient } from '../../agent/api/client.ts';
import type { KubeObject, Pod } from '../../agent/api/objects.ts';
import { eventsPath } from '../../agent/api/paths.ts';
import { createSilentLogger } from '../../agent/lib/logger.ts';
import { startKubelets } from '../../hack/e2e/kubelet-nodes.ts';
import { ObjectWatch } from '../../hack/race-run/object-watch.ts';
import { timedLog } from '../../hack/sandbox/command.ts';
import { createSandbox, destroySandbox, type Sandbox } from '../../hack/sandbox/sandbox.ts';
import { startAgents } from '../../hack/sandbox/start-agents.ts';
import type { EventObject } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import type { ComparedPod } from './pods.ts';

export const AGENTS = ['nodelet', 'kubelet'] as const;
export type AgentName = (typeof AGENTS)[number];

const NODE_OF: Readonly<Record<AgentName, string>> = { nodelet: 'node-1', kubelet: 'node-2' };
const { signal } = new AbortController();

interface Side {
  readonly namespace: string;
  readonly nodeName: string;
  readonly nodeIP: string;
  readonly watch: ObjectWatch<Pod>;
  readonly events: ObjectWatch<EventObject>;
  /** Each pod as it was seen over time. */
  readonly history: Map<string, Pod[]>;
}

export class TwoAgents {
  readonly #sandbox: Sandbox;
  readonly #isOwn: boolean;
  readonly #api: ApiClient;
  readonly #sides: Readonly<Record<AgentName, Side>>;

  private constructor(sandbox: Sandbox, isOwn: boolean, api: ApiClient, sides: Record<AgentName, Side>) {
    this.#sandbox = sandbox;
    this.#isOwn = isOwn;
    this.#api = api;
    this.#sides = sides;
  }

  /** Makes the cluster, or uses the one that NODELET_TEST_TWO_AGENTS names. */
  static async open(): Promise<TwoAgents> {
    const progress = { signal, log: timedLog() };
    const given = process.env['NODELET_TEST_TWO_AGENTS'];
    const sandbox = await createSandbox({ name: given ?? `two-${process.pid}`, nodeCount: 2 }, progress);
    const [first, second] = sandbox.nodes;
    if (!first || !second) throw new Error('expected two nodes');
    await first.agent.stop(); // one that was kept is judged with the code as it is now
    await startAgents(sandbox, { ...progress, nodes: [first] });
    await startKubelets(sandbox, [second], progress);
    const logger = createSilentLogger();
    const { adminKubeconfigPath: kubeconfigPath } = sandbox;
    const api = await ApiClient.connect({ kubeconfigPath, logger, userAgent: 'nodelet-test', signal });
    const suffix = Date.now().toString(36);
    const nodelet = await openSide(api, `diff-${suffix}-n`, NODE_OF.nodelet, first.address);
    const kubelet = await openSide(api, `diff-${suffix}-k`, NODE_OF.kubelet, second.address);
    return new TwoAgents(sandbox, given === undefined, api, { nodelet, kubelet });
  }

  async close(): Promise<void> {
    for (const agent of AGENTS) {
      const { namespace, watch, events } = this.#sides[agent];
      await this.#api.delete(`/api/v1/namespaces/${namespace}`, undefined, { signal });
      await Promise.all([watch.close(), events.close()]);
    }
    await this.#api.close();
    if (this.#isOwn) await destroySandbox(this.#sandbox.name, { signal, log: timedLog() });
  }

  side(agent: AgentName): Side {
    return this.#sides[agent];
  }

  /** All that was ever seen of the pod, also after its end; the newest last. */
  history(agent: AgentName, name: string): readonly Pod[] {
    return this.#sides[agent].history.get(name) ?? [];
  }

  /** Creates a namespaced core object on both sides. */
  async create(resource: string, name: string, body: object): Promise<void> {
    for (const agent of AGENTS) await this.#create(agent, resource, name, body);
  }

  /** An object of the cluster; one that is there already stays. */
  async apply(manifest: object): Promise<void> {
    await this.#sandbox.kubectl(['apply', '-f', '-'], { signal, input: JSON.stringify(manifest) });
  }

  async createPod({ name, spec, annotations = {} }: ComparedPod): Promise<void> {
    for (const agent of AGENTS) {
      await this.#create(agent, 'pods', name, {
        metadata: { name, annotations },
        spec: { nodeName: NODE_OF[agent], terminationGracePeriodSeconds: 3, ...spec },
      });
    }
  }

  async deletePod(name: string): Promise<void> {
    for (const agent of AGENTS) {
      await this.#api.delete(`/api/v1/namespaces/${this.#sides[agent].namespace}/pods/${name}`, undefined, {
        signal,
      });
    }
  }

  async #create(agent: AgentName, resource: string, name: string, body: object): Promise<void> {
    const path = `/api/v1/namespaces/${this.#sides[agent].namespace}/${resource}`;
    await this.#api.create<KubeObject>(path, { metadata: { name }, ...body }, { signal });
  }
}

async function openSide(api: ApiClient, namespace: string, nodeName: string, nodeIP: string): Promise<Side> {
  await api.create('/api/v1/namespaces', { metadata: { name: namespace } }, { signal });
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
  await waitFor('the default service account', async () => await api.get(account, { signal }));
  const watch = new ObjectWatch<Pod>(api, `/api/v1/namespaces/${namespace}/pods`);
  const history = new Map<string, Pod[]>();
  watch.observe(({ name, object }) => {
    if (object) history.set(name, [...(history.get(name) ?? []), object]);
  });
  const events = new ObjectWatch<EventObject>(api, eventsPath(namespace));
  await Promise.all([watch.untilSynced(), events.untilSynced()]);
  return { namespace, nodeName, nodeIP, watch, events, history };
}
