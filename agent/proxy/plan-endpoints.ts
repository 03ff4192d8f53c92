// Which endpoints of a service port this node sends packets to: readiness, traffic policy, topology.
import { type Endpoint, isExternallyAccessible, type PortState, type ServicePort } from './service-port.ts';

export interface NodePlace {
  readonly nodeName: string;
  /** Of the node's label topology.kubernetes.io/zone. */
  readonly zone: string | undefined;
}

export interface EndpointSets {
  /** For the traffic policy Cluster. */
  readonly cluster: readonly Endpoint[];
  /** For the traffic policy Local. */
  readonly local: readonly Endpoint[];
  /** In use on this node: the union of those that the service port needs. */
  readonly reachable: readonly Endpoint[];
  /** There is an endpoint that takes packets somewhere, if not for us. */
  readonly hasAny: boolean;
}

export function planEndpoints({ port, endpoints }: PortState, place: NodePlace): EndpointSets {
  const cluster = usesClusterEndpoints(port) ? clusterEndpoints(endpoints, place) : [];
  const local = usesLocalEndpoints(port) ? localEndpoints(endpoints, place.nodeName) : [];
  const members = new Set([...cluster, ...local]);
  return {
    cluster,
    local,
    reachable: endpoints.filter(endpoint => members.has(endpoint)),
    hasAny: endpoints.some(endpoint => endpoint.isReady || isDraining(endpoint)),
  };
}

/** Also with the external policy Local: pods and processes of this node always reach every endpoint. */
export function usesClusterEndpoints(port: ServicePort): boolean {
  return !port.isInternalPolicyLocal || isExternallyAccessible(port);
}

export function usesLocalEndpoints(port: ServicePort): boolean {
  return port.isInternalPolicyLocal || (port.isExternalPolicyLocal && isExternallyAccessible(port));
}

/** An endpoint on its way out that still answers: better than none (KEP-1669). */
function isDraining({ isServing, isTerminating }: Endpoint): boolean {
  return isServing && isTerminating;
}

function clusterEndpoints(endpoints: readonly Endpoint[], place: NodePlace): readonly Endpoint[] {
  const ready = endpoints.filter(({ isReady }) => isReady);
  return ready.length > 0 ? preferNear(ready, place) : endpoints.filter(isDraining);
}

function localEndpoints(endpoints: readonly Endpoint[], nodeName: string): readonly Endpoint[] {
  const local = endpoints.filter(endpoint => endpoint.nodeName === nodeName);
  const ready = local.filter(({ isReady }) => isReady);
  return ready.length > 0 ? ready : local.filter(isDraining);
}

// Hints count only when every ready endpoint has them: while a controller is still writing them, all endpoints are used.
function preferNear(ready: readonly Endpoint[], { nodeName, zone }: NodePlace): readonly Endpoint[] {
  return (
    hintedFor(ready, nodeName, ({ nodeHints }) => nodeHints) ??
    hintedFor(ready, zone, ({ zoneHints }) => zoneHints) ??
    ready
  );
}

function hintedFor(
  ready: readonly Endpoint[],
  wanted: string | undefined,
  hintsOf: (endpoint: Endpoint) => readonly string[] | undefined,
): readonly Endpoint[] | undefined {
  if (wanted === undefined || !ready.every(endpoint => (hintsOf(endpoint)?.length ?? 0) > 0))
    return undefined;
  const near = ready.filter(endpoint => hintsOf(endpoint)?.includes(wanted));
  return near.length > 0 ? near : undefined;
}
