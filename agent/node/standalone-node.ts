// A node without an API server: its Node object is made here and nobody else ever sees it.
import type { Node } from '../api/objects.ts';
import { Wakeup } from '../lib/wakeup.ts';
import type { NodeWatch } from './node-watch.ts';

export interface StandaloneNodeDeps {
  readonly node: Pick<NodeWatch, 'update'>;
  /** The Node that would be registered now. */
  readonly buildNode: () => Node;
  readonly lookAtAddresses: (options: { readonly signal: AbortSignal }) => Promise<void>;
  /** One range per family, with a comma; pods get no network of ours without it. */
  readonly podCIDR: string | undefined;
}

const LOOK_MS = 60_000; // an address changes with DHCP or by hand

/** Stands where a node of a cluster has its status writer and its watch. */
export class StandaloneNode {
  readonly #deps: StandaloneNodeDeps;
  readonly #wakeup = new Wakeup();

  constructor(deps: StandaloneNodeDeps) {
    this.#deps = deps;
  }

  /** Something the Node is made of may have changed. */
  wake(): void {
    this.#wakeup.wake();
  }

  /** Once before `run`, so that nobody takes the Node for one without podCIDRs. */
  async look({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { node, buildNode, lookAtAddresses, podCIDR = '' } = this.#deps;
    await lookAtAddresses({ signal });
    const built = buildNode();
    node.update({ ...built, spec: { ...built.spec, podCIDRs: podCIDR.split(',').filter(Boolean) } });
  }

  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      await this.#wakeup.wait(LOOK_MS, { signal });
      if (!signal.aborted) await this.look({ signal });
    }
  }
}
