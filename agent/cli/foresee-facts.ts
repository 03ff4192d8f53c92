// What `nodelet plan` looks at: API server, runtime, kernel and manifests. It only reads.
import type { ApiClient } from '../api/client.ts';
import type { EndpointSlice, Node, Pod, Service } from '../api/objects.ts';
import { endpointSlicesPath, nodePath, podsPath, servicesPath } from '../api/paths.ts';
import type { Config } from '../config/config.ts';
import { connectRuntime } from '../cri/connect.ts';
import { foreseePod } from '../explain/foresee-pod.ts';
import { foreseePulls } from '../explain/foresee-pulls.ts';
import { foreseeRules } from '../explain/foresee-rules.ts';
import type { ForeseenChange } from '../explain/foreseen.ts';
import { readTables } from '../host/iptables-tables.ts';
import { listAddresses } from '../host/links.ts';
import { NotFoundError } from '../lib/errors.ts';
import { createSilentLogger } from '../lib/logger.ts';
import { readMachineFacts } from '../node/machine-facts.ts';
import { buildAllocatable, isSameQuantity } from '../node/node-resources.ts';
import { buildFilePod } from '../pod/adopt-static-pod.ts';
import type { DesiredPod } from '../pod/desired-pod.ts';
import { readManifests } from '../pod/read-manifests.ts';
import { buildRuleContext } from '../proxy/build-rule-context.ts';
import { buildServicePorts } from '../proxy/build-service-ports.ts';
import { buildEndpoints, buildSlice, SERVICE_NAME_LABEL } from '../proxy/build-slice.ts';
import type { Family, PortState } from '../proxy/service-port.ts';
import { isMirrorPod } from '../resources/pod-class.ts';
import { openResourceCheckpoints } from '../resources/resource-checkpoint.ts';
import { emptyObservedPod, type ObservedPod } from '../runtime/observed-pod.ts';
import { RuntimeSnapshots } from '../runtime/snapshots.ts';

interface Options {
  readonly signal: AbortSignal;
}

// An API server that cannot be reached is told, not waited for.
const API_TIMEOUT_MS = 5_000;

interface List<T> {
  readonly items: readonly T[];
}

// ---- Pods

export async function foreseePods(
  config: Config,
  api: ApiClient,
  options: Options,
): Promise<readonly ForeseenChange[]> {
  const connection = connectRuntime({ runtimeEndpoint: config.runtime.endpoint });
  try {
    const logger = createSilentLogger();
    const snapshots = new RuntimeSnapshots({ runtime: connection.runtime, logger });
    await snapshots.relist(options);
    const observed = new Map([...snapshots.all()].map(pod => [pod.podUID, pod]));
    const desired = await readDesired(config, api, [...observed.values()], options);
    const { actuated } = await openResourceCheckpoints(config.pods.rootDir, logger);
    const uids = new Set([...observed.keys(), ...desired.keys()]);
    const containers = [...uids].flatMap(uid => {
      const asked = desired.get(uid);
      return foreseePod({
        desired: asked,
        observed: observed.get(uid) ?? unseen(uid, asked),
        actuated: actuated.get(uid),
        endReason: endReason(observed.get(uid), [...desired.values()]),
        crashBackoffMaxMs: config.pods.crashLoopBackOffMaxMs,
        nowMs: Date.now(),
      });
    });
    const isPresent = async (image: string): Promise<boolean> =>
      (await connection.images.imageStatus({ image }, options)) !== undefined;
    const pods = [...desired.values()].map(({ pod }) => pod);
    return [...containers, ...(await foreseePulls(containers, pods, isPresent))];
  } finally {
    connection.close();
  }
}

async function readDesired(
  { node, pods }: Config,
  api: ApiClient,
  observed: readonly ObservedPod[],
  options: Options,
): Promise<ReadonlyMap<string, DesiredPod>> {
  const query = { fieldSelector: `spec.nodeName=${node.name}` };
  const { items } = await api.get<List<Pod>>(podsPath, { ...options, query, timeoutMs: API_TIMEOUT_MS });
  const ofApi = items.filter(pod => !isMirrorPod(pod)).map(pod => ({ pod, source: 'api' }) as const);
  const manifests =
    pods.staticPodPath === undefined ? [] : await readManifests(pods.staticPodPath, node.name);
  const ofFiles = manifests.flatMap(manifest => {
    const outcome = buildFilePod(manifest, node.name, observed);
    return outcome.kind === 'ok' ? [{ pod: outcome.pod, source: 'file' } as const] : [];
  });
  return new Map([...ofApi, ...ofFiles].map(one => [one.pod.metadata.uid ?? '', one]));
}

function unseen(uid: string, desired: DesiredPod | undefined): ObservedPod {
  const { namespace = 'default', name = '' } = desired?.pod.metadata ?? {};
  return emptyObservedPod(uid, namespace, name);
}

function endReason(observed: ObservedPod | undefined, desired: readonly DesiredPod[]): string {
  const namesake = desired.find(
    ({ pod: { metadata } }) =>
      metadata.name === observed?.name && (metadata.namespace ?? 'default') === observed?.namespace,
  );
  if (namesake === undefined) return 'nobody asks for this pod here';
  return namesake.source === 'api' ? 'the pod was made anew' : 'its manifest has changed since';
}

// ---- Node

export async function readNode(
  { node }: Config,
  api: ApiClient,
  options: Options,
): Promise<Node | undefined> {
  try {
    return await api.get<Node>(nodePath(node.name), { ...options, timeoutMs: API_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

export async function foreseeNode(
  config: Config,
  present: Node | undefined,
  options: Options,
): Promise<readonly ForeseenChange[]> {
  if (present === undefined) {
    const why = 'the API server has no such Node';
    return [{ kind: 'node', subject: config.node.name, change: 'is registered', why, isDisturbing: false }];
  }
  const { resources } = await readMachineFacts(config.pods.rootDir, options);
  const before = present.status?.allocatable ?? {};
  return Object.entries(buildAllocatable(resources, config.node)).flatMap(([name, quantity]) => {
    if (isSameQuantity(before[name], quantity)) return [];
    const change = `${before[name] ?? 'none'} -> ${quantity}`;
    const why = 'for pods that come; those that run stay, whatever they ask for';
    return [{ kind: 'node', subject: `allocatable ${name}`, change, why, isDisturbing: false } as const];
  });
}

// ---- Service rules

export async function foreseeServiceRules(
  config: Config,
  api: ApiClient,
  node: Node,
  options: Options,
): Promise<readonly ForeseenChange[]> {
  if (!config.proxy.proxyEnabled) return [];
  const [services, slices, links] = await Promise.all([
    api.get<List<Service>>(servicesPath, options),
    api.get<List<EndpointSlice>>(endpointSlicesPath, options),
    listAddresses(),
  ]);
  const host = { addresses: links.map(({ address }) => address), isConntrackLiberal: false };
  const changes: ForeseenChange[] = [];
  for (const family of [4, 6] as const) {
    const states = buildStates(family, services.items, slices.items);
    if (family === 6 && states.size === 0) continue;
    const context = { ...buildRuleContext(family, config.proxy, node, host), hasEndpointComments: true };
    changes.push(...foreseeRules(`IPv${family}`, context, states, await readTables(family, options)));
  }
  return changes;
}

function buildStates(
  family: Family,
  services: readonly Service[],
  slices: readonly EndpointSlice[],
): ReadonlyMap<string, readonly PortState[]> {
  const serviceOf = ({ metadata }: EndpointSlice): string =>
    `${metadata.namespace ?? 'default'}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
  const slicesOf = Map.groupBy(slices, serviceOf);
  return new Map(
    services.flatMap(service => {
      const key = `${service.metadata.namespace ?? 'default'}/${service.metadata.name}`;
      const own = (slicesOf.get(key) ?? [])
        .flatMap(slice => buildSlice(slice) ?? [])
        .filter(slice => slice.family === family);
      const states = buildServicePorts(service, family).map(port => ({
        port,
        endpoints: buildEndpoints(port, own),
      }));
      return states.length === 0 ? [] : [[key, states] as const];
    }),
  );
}
