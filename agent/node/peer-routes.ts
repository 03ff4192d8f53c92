// Keeps the routes to the other nodes' pods as they should be.
import type { Node } from '../api/objects.ts';
import { ensureRoute, listRoutes, ROUTE_PROTOCOL, removeRoute } from '../host/routes.ts';
import type { Logger } from '../lib/logger.ts';
import { OutageLog } from '../lib/outage-log.ts';
import { type ObservedRoute, planRoutes, type RouteAction } from './plan-routes.ts';

export class PeerRoutes {
  readonly #ownNodeName: string;
  readonly #logger: Logger;
  /** By destination: one line per route that cannot be set, and one when it can. */
  readonly #outages = new Map<string, OutageLog>();

  constructor(ownNodeName: string, logger: Logger) {
    this.#ownNodeName = ownNodeName;
    this.#logger = logger;
  }

  /** No nodes: removes every route of ours. */
  async ensure(nodes: readonly Node[]): Promise<void> {
    const observed = (await Promise.all(([4, 6] as const).map(listOwnRoutes))).flat();
    const actions = planRoutes(nodes, this.#ownNodeName, observed);
    for (const action of actions) await this.#execute(action);
  }

  async #execute(action: RouteAction): Promise<void> {
    const { destination, gateway } = action.route;
    const outage = this.#outages.get(destination) ?? new OutageLog(this.#logger, `route to ${destination}`);
    this.#outages.set(destination, outage);
    try {
      if (action.kind === 'remove') await removeRoute(destination);
      else await ensurePeerRoute(action.route);
      outage.succeeded();
      this.#outages.delete(destination);
      this.#logger.info({ destination, gateway }, action.kind === 'remove' ? 'route removed' : 'route set');
    } catch (error) {
      // A node on another network segment, or another program's route: the rest of the routes must not wait.
      outage.failed(error);
    }
  }
}

async function ensurePeerRoute({ destination, gateway }: { destination: string; gateway: string }) {
  const outcome = await ensureRoute({ destination, gateway });
  if (outcome.kind !== 'conflict') return;
  const { gateway: otherGateway, protocol } = outcome.route;
  throw new Error(
    `another program (route protocol ${protocol}) routes it ${otherGateway ? `via ${otherGateway}` : 'directly'}`,
  );
}

async function listOwnRoutes(family: 4 | 6): Promise<readonly ObservedRoute[]> {
  return await listRoutes({ family, protocol: ROUTE_PROTOCOL });
}
