// The other nodes, as much of them as routes and packet rules need.
import type { ApiClient } from '../api/client.ts';
import type { Node } from '../api/objects.ts';
import { nodesPath } from '../api/paths.ts';
import { watchObjects } from '../api/watch.ts';
import type { Logger } from '../lib/logger.ts';

export interface PeerNodesDeps {
  readonly api: ApiClient;
  readonly logger: Logger;
  readonly onChange: () => void;
}

/**
 * All nodes of the cluster. Node authorisation lets a node read itself only; `system:node-proxier` (what kube-proxy has)
 * must be bound to the group `system:nodes` too, see cni/README.md. Until then the list stays undefined.
 */
export class PeerNodes {
  readonly #deps: PeerNodesDeps;
  readonly #nodes = new Map<string, Node>();
  #isSynced = false;

  constructor(deps: PeerNodesDeps) {
    this.#deps = deps;
  }

  /** Undefined before the first complete list: routes of an earlier run must not fall for want of knowledge. */
  list(): readonly Node[] | undefined {
    return this.#isSynced ? [...this.#nodes.values()] : undefined;
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const { api, logger, onChange } = this.#deps;
    for await (const event of watchObjects<Node>(api, { path: nodesPath, signal, logger, trim: trimPeer })) {
      if (event.kind === 'synced') {
        this.#nodes.clear();
        for (const node of event.objects) this.#nodes.set(node.metadata.name, node);
        this.#isSynced = true;
      } else if (event.kind === 'upserted') {
        if (!this.#isNews(event.object)) continue;
        this.#nodes.set(event.object.metadata.name, event.object);
      } else {
        this.#nodes.delete(event.object.metadata.name);
      }
      onChange();
    }
  }

  // Every node writes its status every few minutes; hardly any of it concerns its neighbours.
  #isNews(node: Node): boolean {
    const before = this.#nodes.get(node.metadata.name);
    const relevant = (peer: Node): string => JSON.stringify([peer.spec, peer.status]);
    return before === undefined || relevant(before) !== relevant(node);
  }
}

/** A Node in a cluster of a thousand costs a few hundred bytes here. */
function trimPeer({ metadata, spec, status }: Node): Node {
  const { name, uid = '', resourceVersion = '' } = metadata;
  const { podCIDR, podCIDRs } = spec ?? {};
  return {
    metadata: { name, uid, resourceVersion },
    spec: { ...(podCIDR !== undefined && { podCIDR }), ...(podCIDRs && { podCIDRs }) },
    status: { addresses: (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP') },
  };
}
