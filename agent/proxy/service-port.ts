// What the rules are made of: one port of a Service in one address family, and the endpoints behind it. Much smaller than
// the API objects, since a large cluster has ten thousand of them.

export type Family = 4 | 6;
export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface ServicePort {
  readonly namespace: string;
  readonly service: string;
  /** Of the port; empty where a Service has only one. */
  readonly portName: string;
  readonly protocol: Protocol;
  readonly clusterIP: string;
  readonly port: number;
  /** 0: none. */
  readonly nodePort: number;
  readonly externalIPs: readonly string[];
  /** Load balancer addresses whose packets arrive here with the address still in them (ipMode VIP). */
  readonly loadBalancerVIPs: readonly string[];
  readonly loadBalancerSourceRanges: readonly string[];
  /** undefined: no session affinity. */
  readonly affinitySeconds: number | undefined;
  readonly isInternalPolicyLocal: boolean;
  readonly isExternalPolicyLocal: boolean;
  /** 0: none. */
  readonly healthCheckNodePort: number;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly isReady: boolean;
  readonly isServing: boolean;
  readonly isTerminating: boolean;
  readonly nodeName: string | undefined;
  /** EndpointSlice hints; undefined: none given. */
  readonly zoneHints: readonly string[] | undefined;
  readonly nodeHints: readonly string[] | undefined;
}

/** A service port with everything its rules depend on. */
export interface PortState {
  readonly port: ServicePort;
  /** Sorted by address and port, each once. */
  readonly endpoints: readonly Endpoint[];
}

/** `namespace/name:port`, as everybody prints it. */
export function servicePortName({ namespace, service, portName }: ServicePort): string {
  return portName === '' ? `${namespace}/${service}` : `${namespace}/${service}:${portName}`;
}

/** One Service may have the same port name only once per protocol. */
export function portKey(port: ServicePort): string {
  return `${servicePortName(port)}/${port.protocol}`;
}

export function isExternallyAccessible(port: ServicePort): boolean {
  return port.nodePort !== 0 || port.externalIPs.length > 0 || port.loadBalancerVIPs.length > 0;
}

/** `10.1.2.3:80`, `[fd00::1]:80` */
export function endpointText({ address, port }: Pick<Endpoint, 'address' | 'port'>): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
