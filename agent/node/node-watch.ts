// Our own Node object as the API server has it now, for everybody who needs podCIDRs, labels or allocatable.
import type { ApiClient } from '../api/client.ts';
import type { Node } from '../api/objects.ts';
import { nodesPath } from '../api/paths.ts';
import { isOlder } from '../api/resource-version.ts';
import { watchObjects } from '../api/watch.ts';
import { Listeners } from '../lib/listeners.ts';
import type { Logger } from '../lib/logger.ts';

export interface NodeView {
  /** Undefined before the first look and after the object was deleted. */
  current(): Node | undefined;
  /** Calls back after every change; returns what ends it. The callback only wakes somebody. */
  onChange(callback: () => void): () => void;
}

export interface NodeWatchDeps {
  readonly api: ApiClient;
  readonly nodeName: string;
  readonly logger: Logger;
}

export class NodeWatch implements NodeView {
  readonly #deps: NodeWatchDeps;
  readonly #listeners = new Listeners();
  #node: Node | undefined;

  constructor(deps: NodeWatchDeps) {
    this.#deps = deps;
  }

  current(): Node | undefined {
    return this.#node;
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Takes an answer to one of our own requests, which is often there before the watch tells. */
  update(node: Node): void {
    if (this.#node && isOlderNode(node, this.#node)) return;
    this.#set(node);
  }

  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    const { api, nodeName, logger } = this.#deps;
    const query = { fieldSelector: `metadata.name=${nodeName}` };
    for await (const event of watchObjects<Node>(api, { path: nodesPath, query, signal, logger })) {
      if (event.kind === 'upserted') this.update(event.object);
      else if (event.kind === 'deleted') this.#deleted();
      // The list is newer than anything we hold, also when the Node is no longer in it.
      else this.#set(event.objects[0]);
    }
  }

  // As with the kubelet: who deletes a Node wants it gone, and it must not come back on its own.
  #deleted(): void {
    this.#deps.logger.warn(
      { node: this.#deps.nodeName },
      'Node object was deleted, a restart registers it again',
    );
    this.#set(undefined);
  }

  #set(node: Node | undefined): void {
    this.#node = node;
    this.#listeners.tell();
  }
}

// Another object of the same name has another UID and is never older.
function isOlderNode(candidate: Node, reference: Node): boolean {
  const [a = '', b = ''] = [candidate, reference].map(({ metadata }) => metadata.resourceVersion);
  return candidate.metadata.uid === reference.metadata.uid && isOlder(a, b);
}
