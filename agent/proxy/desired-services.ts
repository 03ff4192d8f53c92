// Services and EndpointSlices as the API server has them now, as much of them as rules are made of.
import type { ApiClient } from '../api/client.ts';
import type { EndpointSlice, KubeObject, Service } from '../api/objects.ts';
import { endpointSlicesPath, servicesPath } from '../api/paths.ts';
import { type WatchEvent, watchObjects } from '../api/watch.ts';
import { compactList, compactText } from '../lib/compact.ts';
import type { Logger } from '../lib/logger.ts';
import { TaskGroup } from '../lib/task-group.ts';
import { buildServicePorts } from './build-service-ports.ts';
import { buildEndpoints, buildSlice, countEndpoints, SERVICE_NAME_LABEL, type Slice } from './build-slice.ts';
import type { Family, PortState, ServicePort } from './service-port.ts';

// As kube-proxy: Services of another proxy, and headless ones, do not even arrive here.
const SELECTOR = '!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless';
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';
const MAX_TRIGGERS = 10;
const FAMILIES: readonly Family[] = [4, 6];
const NO_PORTS: readonly ServicePort[] = [];
const NO_STATES: readonly PortState[] = [];

/** `namespace/name` */
export type ServiceKey = string;

/** Which Services changed since a reader looked last. */
export interface ServiceChanges {
  readonly isPending: boolean;
  readonly pending: ReadonlySet<ServiceKey>;
  take(): ReadonlySet<ServiceKey>;
}

interface KnownService {
  readonly resourceVersion: string | undefined;
  readonly ipv4: readonly ServicePort[];
  readonly ipv6: readonly ServicePort[];
}

interface KnownSlice {
  readonly resourceVersion: string | undefined;
  readonly service: ServiceKey;
  readonly slice: Slice;
}

export class DesiredServices {
  readonly #api: ApiClient;
  readonly #logger: Logger;
  readonly #services = new Map<ServiceKey, KnownService>();
  readonly #slices = new Map<string, KnownSlice>();
  /** The keys of the slices of each Service. */
  readonly #slicesOf = new Map<ServiceKey, readonly string[]>();
  readonly #readers = new Set<{ changed: Set<ServiceKey>; readonly wake: () => void }>();
  readonly #endpointCounts: Record<Family, number> = { 4: 0, 6: 0 };
  /** When the pods or the Service changed that slices not yet in the rules are about. */
  readonly #triggers = new Map<string, number[]>();
  readonly #startedAtMs = Date.now();
  #hasServices = false;
  #hasSlices = false;

  constructor({ api, logger }: { readonly api: ApiClient; readonly logger: Logger }) {
    this.#api = api;
    this.#logger = logger;
  }

  /** False until both lists are here: rules made of half the truth would refuse what runs. */
  get isComplete(): boolean {
    return this.#hasServices && this.#hasSlices;
  }

  /** Over all service ports, about: an endpoint in two slices counts twice. */
  endpointCount(family: Family): number {
    return this.#endpointCounts[family];
  }

  keys(): readonly ServiceKey[] {
    return [...this.#services.keys()];
  }

  /** Whether nothing was ever said of its endpoints, not even that there are none. */
  awaitsEndpoints(key: ServiceKey): boolean {
    return this.#services.has(key) && !this.#slicesOf.has(key);
  }

  /** The service ports of one Service with their endpoints; none when the Service has no such family or is gone. */
  portStates(key: ServiceKey, family: Family): readonly PortState[] {
    const ports = this.#services.get(key)?.[family === 4 ? 'ipv4' : 'ipv6'] ?? NO_PORTS;
    if (ports.length === 0) return NO_STATES;
    const slices = (this.#slicesOf.get(key) ?? []).flatMap(name => {
      const slice = this.#slices.get(name)?.slice;
      return slice?.family === family ? [slice] : [];
    });
    return ports.map(port => ({ port, endpoints: buildEndpoints(port, slices) }));
  }

  /** When the changes happened that have made their way into the slices since the last call. */
  takeTriggers(key: ServiceKey, family: Family): readonly number[] {
    const triggers = this.#triggers.get(`${family} ${key}`) ?? [];
    this.#triggers.delete(`${family} ${key}`);
    return triggers;
  }

  /** Wakes after every change once both lists are here. */
  follow(wake: () => void): ServiceChanges {
    const reader = { changed: new Set<ServiceKey>(), wake };
    this.#readers.add(reader);
    return {
      get isPending() {
        return reader.changed.size > 0;
      },
      get pending() {
        return reader.changed;
      },
      take: () => {
        const { changed } = reader;
        reader.changed = new Set();
        return changed;
      },
    };
  }

  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const tasks = new TaskGroup({ signal });
    tasks.run(taskSignal => this.#watchServices(taskSignal));
    tasks.run(taskSignal => this.#watchSlices(taskSignal));
    await tasks.join();
  }

  async #watchServices(signal: AbortSignal): Promise<void> {
    const query = { labelSelector: SELECTOR };
    const options = { path: servicesPath, query, signal, logger: this.#logger, trim: trimService };
    for await (const event of watchObjects<Service>(this.#api, options)) {
      applyEvent(event, this.#services, {
        upsert: service => this.#upsertService(service),
        remove: key => this.#removeService(key),
      });
      if (event.kind === 'synced') this.#hasServices = true;
      this.#wakeReaders();
    }
  }

  async #watchSlices(signal: AbortSignal): Promise<void> {
    const query = { labelSelector: SELECTOR };
    const options = { path: endpointSlicesPath, query, signal, logger: this.#logger, trim: trimSlice };
    for await (const event of watchObjects<EndpointSlice>(this.#api, options)) {
      applyEvent(event, this.#slices, {
        upsert: slice => this.#upsertSlice(slice),
        remove: key => this.#removeSlice(key),
      });
      if (event.kind === 'synced') this.#hasSlices = true;
      this.#wakeReaders();
    }
  }

  #upsertService(service: Service): void {
    const key = compactText(keyOf(service));
    const { resourceVersion } = service.metadata;
    const [ipv4 = NO_PORTS, ipv6 = NO_PORTS] = FAMILIES.map(family => {
      const ports = buildServicePorts(service, family);
      return ports.length === 0 ? NO_PORTS : compactList(ports);
    });
    this.#services.set(key, { resourceVersion, ipv4, ipv6 });
    this.#markChanged(key);
  }

  #removeService(key: ServiceKey): void {
    if (this.#services.delete(key)) this.#markChanged(key);
  }

  #upsertSlice(object: EndpointSlice): void {
    const key = compactText(keyOf(object));
    const owner = object.metadata.labels?.[SERVICE_NAME_LABEL];
    const slice = buildSlice(object);
    const known = this.#slices.get(key);
    const service = compactText(`${object.metadata.namespace ?? ''}/${owner ?? ''}`);
    if (known) this.#removeSlice(key);
    if (!owner || !slice) return;
    this.#endpointCounts[slice.family] += countEndpoints(slice);
    this.#slices.set(key, { resourceVersion: object.metadata.resourceVersion, service, slice });
    this.#slicesOf.set(service, compactList([...(this.#slicesOf.get(service) ?? []), key]));
    this.#noteTrigger(object, `${slice.family} ${service}`);
    this.#markChanged(service);
  }

  /** As kube-proxy: what happened before the start is not our delay. */
  #noteTrigger({ metadata }: EndpointSlice, key: string): void {
    const atMs = Date.parse(metadata.annotations?.[TRIGGER_TIME] ?? '');
    if (!(atMs > this.#startedAtMs)) return;
    // Some are not taken, those of a family without rules for one.
    this.#triggers.set(key, [...(this.#triggers.get(key) ?? []), atMs].slice(-MAX_TRIGGERS));
  }

  #removeSlice(key: string): void {
    const known = this.#slices.get(key);
    if (!known) return;
    this.#slices.delete(key);
    this.#endpointCounts[known.slice.family] -= countEndpoints(known.slice);
    const others = (this.#slicesOf.get(known.service) ?? []).filter(name => name !== key);
    if (others.length === 0) this.#slicesOf.delete(known.service);
    else this.#slicesOf.set(known.service, others);
    this.#markChanged(known.service);
  }

  #markChanged(key: ServiceKey): void {
    for (const { changed } of this.#readers) changed.add(key);
  }

  #wakeReaders(): void {
    if (this.isComplete) for (const { wake } of this.#readers) wake();
  }
}

/** A new list touches only what is not as it was. */
function applyEvent<T extends KubeObject>(
  event: WatchEvent<T>,
  known: ReadonlyMap<string, { readonly resourceVersion: string | undefined }>,
  { upsert, remove }: { readonly upsert: (object: T) => void; readonly remove: (key: string) => void },
): void {
  if (event.kind === 'upserted') upsert(event.object);
  else if (event.kind === 'deleted') remove(keyOf(event.object));
  else {
    const listed = new Set(event.objects.map(keyOf));
    for (const key of known.keys()) if (!listed.has(key)) remove(key);
    for (const object of event.objects) {
      const { resourceVersion } = object.metadata;
      if (!resourceVersion || known.get(keyOf(object))?.resourceVersion !== resourceVersion) upsert(object);
    }
  }
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

// While a list arrives all of its objects are in memory at once.
function trimService({ metadata, spec, status }: Service): Service {
  const { name, namespace = '', resourceVersion = '', annotations } = metadata;
  const trimmed = { name, namespace, resourceVersion, ...(annotations && { annotations }) };
  return { metadata: trimmed, ...(spec && { spec }), ...(status && { status }) };
}

function trimSlice({ metadata, addressType, ports, endpoints }: EndpointSlice): EndpointSlice {
  const { name, namespace = '', resourceVersion = '', labels, annotations } = metadata;
  const owner = labels?.[SERVICE_NAME_LABEL];
  const trigger = annotations?.[TRIGGER_TIME];
  const trimmed = {
    name,
    namespace,
    resourceVersion,
    labels: owner ? { [SERVICE_NAME_LABEL]: owner } : {},
    ...(trigger && { annotations: { [TRIGGER_TIME]: trigger } }),
  };
  // Neither may be missing in the API, and both are null in practice.
  return {
    metadata: trimmed,
    addressType,
    ports: ports ?? [],
    endpoints: (endpoints ?? []).map(trimEndpoint),
  };
}

function trimEndpoint(endpoint: NonNullable<EndpointSlice['endpoints']>[number]) {
  const { targetRef: _, ...rest } = endpoint;
  return rest;
}
