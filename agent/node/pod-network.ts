// The pod network of a cluster that brings none: CNI configuration, sysctls, packet rules and routes, in that order,
// looked at again on every change and each minute. All of it goes when the network is somebody else's.
import type { ApiClient } from '../api/client.ts';
import type { NetworkConfig } from '../config/config.ts';
import { findLink } from '../host/links.ts';
import { findDefaultRoute } from '../host/routes.ts';
import { NETWORK_SYSCTLS } from '../host/sysctl.ts';
import { watchDirectory } from '../host/watch-directory.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { OutageLog } from '../lib/outage-log.ts';
import { TaskGroup } from '../lib/task-group.ts';
import { Wakeup } from '../lib/wakeup.ts';
import {
  hasPlugin,
  readCNIDirectory,
  readFingerprint,
  removeConflist,
  writeConflist,
} from './cni-directory.ts';
import { releaseLeftovers } from './network-leftovers.ts';
import { NodeSysctls } from './node-sysctls.ts';
import type { NodeView } from './node-watch.ts';
import { type PacketRuleInputs, PacketRules } from './packet-rules.ts';
import { PeerNodes } from './peer-nodes.ts';
import { PeerRoutes } from './peer-routes.ts';
import { type NetworkPlan, planNetwork } from './plan-network.ts';
import { cidrFamily, collectPodCIDRs, podCIDRsOf } from './plan-routes.ts';

export interface PodNetworkDeps {
  readonly api: ApiClient;
  readonly config: NetworkConfig;
  readonly nodeName: string;
  readonly node: NodeView;
  /** The sandboxes that the runtime has, whatever their state. */
  readonly listSandboxIds: (options: { readonly signal: AbortSignal }) => Promise<readonly string[]>;
  /** The runtime sees another CNI configuration from now on. */
  readonly onConfigChanged: () => void;
  readonly logger: Logger;
}

const RECHECK_MS = 60_000; // as kindnet and flannel: firewalls flush tables, network daemons flush routes
const RETRY_MS = 2_000;
// Rules of an earlier run know all podCIDRs: they stand until the list of nodes is here again, if it comes at all.
const PEERS_WAIT_MS = 3_000;

export class PodNetwork {
  readonly #deps: PodNetworkDeps;
  readonly #wakeup = new Wakeup();
  readonly #peers: PeerNodes;
  readonly #routes: PeerRoutes;
  readonly #rules: PacketRules;
  readonly #sysctls: NodeSysctls;
  #lastPlan: NetworkPlan['kind'] | undefined;
  #peersTask: { readonly abort: AbortController; readonly startedAtMs: number } | undefined;

  constructor(deps: PodNetworkDeps) {
    const { api, logger, nodeName } = deps;
    this.#deps = deps;
    this.#peers = new PeerNodes({ api, logger, onChange: () => this.#wakeup.wake() });
    this.#routes = new PeerRoutes(nodeName, logger);
    this.#rules = new PacketRules(logger);
    this.#sysctls = new NodeSysctls(NETWORK_SYSCTLS, logger);
  }

  wake(): void {
    this.#wakeup.wake();
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const tasks = new TaskGroup({ signal });
    const stopListening = this.#deps.node.onChange(() => this.#wakeup.wake());
    tasks.run(taskSignal => this.#watchDirectory(taskSignal));
    tasks.run(taskSignal => this.#runPasses(tasks, taskSignal));
    await tasks.join().finally(stopListening);
  }

  async #watchDirectory(signal: AbortSignal): Promise<void> {
    const { cniConfDir } = this.#deps.config;
    let before: string | undefined;
    for await (const _ of watchDirectory(cniConfDir, { signal })) {
      // What cannot be read looks like its reason; the pass that follows reads the same and tells.
      const now = await readFingerprint(cniConfDir).catch(errorMessage);
      if (now === before) continue;
      before = now;
      this.#wakeup.wake();
      this.#deps.onConfigChanged();
    }
  }

  async #runPasses(tasks: TaskGroup, signal: AbortSignal): Promise<void> {
    const outage = new OutageLog(this.#deps.logger, 'pod network set-up');
    while (!signal.aborted) {
      let delayMs = RETRY_MS;
      try {
        await this.#pass(tasks, signal);
        outage.succeeded();
        delayMs = this.#awaitsPeers() ? PEERS_WAIT_MS : RECHECK_MS;
      } catch (error) {
        if (signal.aborted) return;
        outage.failed(error);
      }
      await this.#wakeup.wait(delayMs, { signal });
    }
  }

  async #pass(tasks: TaskGroup, signal: AbortSignal): Promise<void> {
    const { config, node, logger } = this.#deps;
    const podCIDRs = podCIDRsOf(node.current());
    const directory = await readCNIDirectory(config.cniConfDir);
    const mtu = config.mtu > 0 ? config.mtu : await findUplinkMTU();
    const hasBandwidth = await hasPlugin(config.cniBinDirs, 'bandwidth');
    const plan = planNetwork({ ...config, ...directory, podCIDRs, mtu, hasBandwidth });
    if (plan.kind === 'notOurs') {
      if (this.#lastPlan !== plan.kind) await this.#leave(plan, signal);
    } else if (plan.kind !== 'awaitPodCIDR') {
      await this.#ensureNetwork(plan, podCIDRs, tasks, signal);
    } else if (this.#lastPlan !== plan.kind) {
      const hasServer = this.#deps.api.hasServer;
      logger.info(hasServer ? 'waiting for the podCIDR of this node' : 'no podCIDR: no pod network of ours');
    }
    this.#lastPlan = plan.kind;
  }

  async #ensureNetwork(
    plan: NetworkPlan,
    podCIDRs: readonly string[],
    tasks: TaskGroup,
    signal: AbortSignal,
  ): Promise<void> {
    const { config, logger, onConfigChanged } = this.#deps;
    if (plan.kind === 'write') {
      await writeConflist(config.cniConfDir, plan.content);
      logger.info({ podCIDRs, directory: config.cniConfDir }, 'CNI configuration written');
      onConfigChanged();
    }
    await this.#sysctls.ensure();
    this.#startPeers(tasks);
    if (this.#awaitsPeers()) return;
    const nodes = this.#peers.list();
    // Without node routes there are none of ours: what an earlier run set goes.
    if (nodes) await this.#routes.ensure(config.nodeRoutes ? nodes : []);
    const clusterCIDRs = collectPodCIDRs(nodes ?? []);
    await this.#rules.ensure(buildRuleInputs(podCIDRs, clusterCIDRs), {
      masquerade: config.masquerade,
      signal,
    });
    // Last: what goes wrong with the past must not keep anything from the present.
    const { listSandboxIds } = this.#deps;
    await releaseLeftovers({ listSandboxIds, cniBinDirs: config.cniBinDirs, logger }, { signal });
  }

  #awaitsPeers(): boolean {
    if (!this.#peersTask || this.#peers.list()) return false;
    return performance.now() - this.#peersTask.startedAtMs < PEERS_WAIT_MS;
  }

  /** Only a network of our own needs to know the other nodes, if there are any. */
  #startPeers(tasks: TaskGroup): void {
    if (this.#peersTask || !this.#deps.api.hasServer) return;
    const abort = new AbortController();
    this.#peersTask = { abort, startedAtMs: performance.now() };
    tasks.run(signal => this.#peers.run({ signal: AbortSignal.any([signal, abort.signal]) }));
  }

  async #leave(
    { owner, removeOwn }: Extract<NetworkPlan, { kind: 'notOurs' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { config, logger, onConfigChanged } = this.#deps;
    logger.info({ owner }, 'the pod network is not managed here');
    this.#peersTask?.abort.abort();
    this.#peersTask = undefined;
    if (removeOwn) {
      await removeConflist(config.cniConfDir);
      onConfigChanged();
    }
    await this.#routes.ensure([]);
    await this.#rules.remove([4, 6], { signal });
  }
}

function buildRuleInputs(podCIDRs: readonly string[], clusterCIDRs: readonly string[]): PacketRuleInputs {
  return new Map(
    podCIDRs.map(ownPodCIDR => {
      const family = cidrFamily(ownPodCIDR);
      const clusterPodCIDRs = clusterCIDRs.filter(cidr => cidrFamily(cidr) === family);
      return [family, { ownPodCIDR, clusterPodCIDRs }] as const;
    }),
  );
}

// Pods whose frames are larger than the uplink's would depend on path MTU discovery, which firewalls break.
async function findUplinkMTU(): Promise<number> {
  for (const family of [4, 6] as const) {
    const route = await findDefaultRoute({ family });
    const link = route?.linkIndex === undefined ? undefined : await findLink(route.linkIndex);
    if (link && link.mtu > 0) return link.mtu;
  }
  return 0;
}
