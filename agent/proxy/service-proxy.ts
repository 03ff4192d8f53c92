// The service proxy: desired Services, one set of rules per address family, and what has to follow when rules changed.
import { isDeepStrictEqual } from 'node:util';
import type { ApiClient } from '../api/client.ts';
import type { EventRecorder } from '../api/events.ts';
import type { Node } from '../api/objects.ts';
import type { ProxyConfig } from '../config/config.ts';
import { listAddresses } from '../host/links.ts';
import { ensureSysctl, readSysctl } from '../host/sysctl.ts';
import { watchPacketRules } from '../host/watch-packet-rules.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { TaskGroup } from '../lib/task-group.ts';
import type { NodeView } from '../node/node-watch.ts';
import { buildProxyHealth, type ProxyHealth } from './build-proxy-health.ts';
import { buildRuleContext, type HostNetwork } from './build-rule-context.ts';
import { DesiredServices } from './desired-services.ts';
import { type FamilyContext, FamilyProxy, type WrittenChange } from './family-proxy.ts';
import { HealthServers } from './health-servers.ts';
import { runProxyServer } from './proxy-server.ts';
import type { Family } from './service-port.ts';
import { removeStaleFlows } from './stale-flows.ts';

export interface ServiceProxyDeps {
  readonly api: ApiClient;
  readonly events: EventRecorder;
  readonly nodeName: string;
  readonly config: ProxyConfig;
  readonly node: NodeView;
  /** Somebody removed packet rules. */
  readonly onDamage: () => void;
  readonly logger: Logger;
}

const ROUTE_LOCALNET = 'net/ipv4/conf/all/route_localnet';
const LIBERAL = 'net/netfilter/nf_conntrack_tcp_be_liberal';
// Own addresses come and go without telling us; only rules for chosen node port addresses need them.
const ADDRESSES_EVERY_MS = 30_000;

/** What a context was made of, to tell at a glance whether it still holds. */
interface KnownContext {
  readonly node: Node;
  readonly host: HostNetwork;
  readonly context: FamilyContext;
}

export class ServiceProxy {
  readonly #deps: ServiceProxyDeps;
  readonly #logger: Logger;
  readonly desired: DesiredServices;
  readonly families: readonly FamilyProxy[];
  readonly #healthServers: HealthServers;
  readonly #contexts = new Map<Family, KnownContext>();
  #host: HostNetwork | undefined;
  #hasRouteLocalnet = false;
  #isToldOfChanges = false;

  constructor(deps: ServiceProxyDeps) {
    this.#deps = deps;
    this.#logger = deps.logger.child({ component: 'proxy' });
    this.desired = new DesiredServices({ api: deps.api, logger: this.#logger });
    this.families = ([4, 6] as const).map(family => this.#family(family));
    this.#healthServers = new HealthServers({
      nodeName: deps.nodeName,
      isHealthy: () => this.#health().isHealthy,
      onFailure: ({ namespace, service: name }, message) =>
        deps.events.event(
          { apiVersion: 'v1', kind: 'Service', namespace, name },
          'Warning',
          'FailedToStartServiceHealthcheck',
          message,
        ),
      logger: this.#logger,
    });
  }

  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (!this.#deps.config.proxyEnabled) {
      this.#logger.info('the service proxy is off, by configuration');
      return;
    }
    const tasks = new TaskGroup({ signal });
    const wakeAll = (): void => {
      for (const family of this.families) family.wake();
    };
    const stopListening = this.#deps.node.onChange(wakeAll);
    const rulesWatch = this.#watchRules(wakeAll);
    await this.#readHost();
    const server = { config: this.#deps.config, health: () => this.#health(), logger: this.#logger };
    tasks.run(taskSignal => runProxyServer(server, { signal: taskSignal }));
    tasks.run(taskSignal => this.desired.run({ signal: taskSignal }));
    for (const family of this.families) tasks.run(taskSignal => family.run({ signal: taskSignal }));
    if (this.#deps.config.nodePortAddresses.length > 0) {
      tasks.run(async taskSignal => {
        while (!taskSignal.aborted) {
          await sleep(ADDRESSES_EVERY_MS, { signal: taskSignal });
          await this.#readHost();
          wakeAll();
        }
      });
    }
    await tasks.join().finally(() => {
      rulesWatch?.[Symbol.dispose]();
      stopListening();
      this.#healthServers.close();
    });
  }

  #health(): ProxyHealth {
    const progress = this.families.flatMap(family => family.progress ?? []);
    return buildProxyHealth(progress, this.#deps.node.current(), Date.now());
  }

  #family(family: Family): FamilyProxy {
    return new FamilyProxy({
      family,
      desired: this.desired,
      logger: this.#logger,
      context: () => this.#context(family),
      onDamage: this.#deps.onDamage,
      isToldOfChanges: () => this.#isToldOfChanges,
      onWritten: change => this.#written(change),
    });
  }

  #watchRules(onChange: () => void): Disposable | undefined {
    try {
      const watch = watchPacketRules(onChange);
      this.#isToldOfChanges = true;
      return watch;
    } catch (error) {
      this.#logger.debug({ err: error }, 'the kernel does not tell of changed packet rules, looking instead');
      return undefined;
    }
  }

  /** The object of before while nothing in it has changed: it is asked for several times a second. */
  #context(family: Family): FamilyContext | undefined {
    const node = this.#deps.node.current();
    const host = this.#host;
    if (!node || !host) return undefined;
    const known = this.#contexts.get(family);
    if (known?.node === node && known.host === host) return known.context;
    const next = buildRuleContext(family, this.#deps.config, node, host);
    const context = isDeepStrictEqual(known?.context, next) && known ? known.context : next;
    this.#contexts.set(family, { node, host, context });
    return context;
  }

  async #written({ family, services }: WrittenChange): Promise<void> {
    const states = [...services.keys()].flatMap(key => this.desired.portStates(key, family));
    await removeStaleFlows(family, states, this.#logger);
    for (const key of services.keys()) {
      const [ipv4 = [], ipv6 = []] = ([4, 6] as const).map(each => this.desired.portStates(key, each));
      this.#healthServers.update(key, ipv4.length > 0 ? ipv4 : ipv6);
    }
    await this.#openLocalhost(family);
  }

  async #openLocalhost(family: Family): Promise<void> {
    // After the rule that keeps strangers from 127.0.0.0/8, never before it.
    if (family === 4 && this.#deps.config.localhostNodePorts && !this.#hasRouteLocalnet) {
      this.#hasRouteLocalnet = true;
      const outcome = await ensureSysctl({ name: ROUTE_LOCALNET, value: '1' });
      if (outcome.kind === 'denied') {
        this.#logger.warn({ reason: outcome.message }, 'node ports do not answer on 127.0.0.1');
      }
    }
  }

  async #readHost(): Promise<void> {
    const isConntrackLiberal = ((await readSysctl(LIBERAL)) ?? '0') !== '0';
    const addresses = (await listAddresses()).map(({ address }) => address);
    this.#host = { isConntrackLiberal, addresses };
  }
}
