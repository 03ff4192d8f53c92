// The cluster's Services as variables need them. Not the proxy's view of them: that leaves out Services which another
// proxy serves, and there may be none at all.

import type { ApiClient } from '../api/client.ts';
import type { Pod, Service } from '../api/objects.ts';
import { servicesPath } from '../api/paths.ts';
import { watchObjects } from '../api/watch.ts';
import { settledOrAborted } from '../lib/abort.ts';
import type { Logger } from '../lib/logger.ts';
import { isStaticPod } from '../resources/pod-class.ts';
import { buildServiceVariables, MASTER_NAMESPACE, type VariableService } from './build-service-variables.ts';
import { podNamespace } from './naming.ts';

const KNOWN_WITHIN_MS = 1000; // an agent that has just started has its list by then

export class ServiceVariables {
  readonly #client: ApiClient;
  readonly #logger: Logger;
  /** By namespace and name, so that neither is kept ten thousand times. */
  readonly #services = new Map<string, Map<string, VariableService>>();
  readonly #known = Promise.withResolvers<void>();
  #isKnown = false;

  constructor({ client, logger }: { readonly client: ApiClient; readonly logger: Logger }) {
    this.#client = client;
    this.#logger = logger;
  }

  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (!this.#client.hasServer) {
      this.#takeAll([]);
      return;
    }
    const options = { path: servicesPath, signal, logger: this.#logger, trim: trimService };
    for await (const event of watchObjects<Service>(this.#client, options)) {
      if (event.kind === 'synced') this.#takeAll(event.objects);
      else if (event.kind === 'upserted') this.#take(event.object);
      else this.#remove(event.object);
    }
  }

  /** Throws when the Services were never listed: a container without its variables would be half a container. */
  async read(pod: Pod, { signal }: { readonly signal: AbortSignal }): Promise<ReadonlyMap<string, string>> {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(KNOWN_WITHIN_MS)]);
    if (!this.#isKnown) await settledOrAborted(this.#known.promise, bounded);
    if (!this.#isKnown && isStaticPod(pod)) return new Map(); // it may be the API server itself
    if (!this.#isKnown)
      throw new Error('services have not yet been read at least once, cannot construct envvars');
    const hasLinks = pod.spec.enableServiceLinks !== false;
    const namespace = podNamespace(pod);
    const near = [...new Set([MASTER_NAMESPACE, namespace])].flatMap(one => [
      ...(this.#services.get(one)?.values() ?? []),
    ]);
    return buildServiceVariables(near, namespace, hasLinks);
  }

  #takeAll(services: readonly Service[]): void {
    this.#services.clear();
    for (const service of services) this.#take(service);
    this.#isKnown = true;
    this.#known.resolve();
  }

  #take(service: Service): void {
    const { clusterIP = '', ports = [] } = service.spec ?? {};
    const { namespace = '', name } = service.metadata;
    if (clusterIP === '' || clusterIP === 'None') {
      this.#remove(service);
      return;
    }
    const others = this.#services.get(namespace) ?? new Map<string, VariableService>();
    this.#services.set(namespace, others.set(name, { namespace, name, clusterIP, ports }));
  }

  #remove({ metadata: { namespace = '', name } }: Service): void {
    const others = this.#services.get(namespace);
    others?.delete(name);
    if (others?.size === 0) this.#services.delete(namespace);
  }
}

function trimService({ metadata, spec = {} }: Service): Service {
  const { name, namespace = '', resourceVersion = '' } = metadata;
  const { clusterIP = '', ports = [] } = spec;
  const trimmed = ports.map(({ name: portName, port, protocol }) => ({
    port,
    ...(portName !== undefined && { name: portName }),
    ...(protocol !== undefined && { protocol }),
  }));
  return { metadata: { name, namespace, resourceVersion }, spec: { clusterIP, ports: trimmed } };
}
