// The variables that tell a container where Services are (pkg/kubelet/envvars).

export interface VariableService {
  readonly namespace: string;
  readonly name: string;
  /** Never `None` and never empty: headless and external Services have no variables. */
  readonly clusterIP: string;
  readonly ports: readonly { readonly name?: string; readonly port: number; readonly protocol?: string }[];
}

/** The API server's own Service is told to every container. */
export const MASTER_NAMESPACE = 'default';
const MASTER_NAME = 'kubernetes';

/** `namespace` is the pod's; without service links its Services stay unnamed. */
export function buildServiceVariables(
  services: readonly VariableService[],
  namespace: string,
  hasServiceLinks: boolean,
): ReadonlyMap<string, string> {
  const chosen = new Map<string, VariableService>();
  for (const service of services) {
    if (service.namespace === MASTER_NAMESPACE && service.name === MASTER_NAME)
      chosen.set(service.name, service);
  }
  // One of the same name in the pod's own namespace takes its place.
  for (const service of services) {
    if (hasServiceLinks && service.namespace === namespace) chosen.set(service.name, service);
  }
  const variables = new Map<string, string>();
  for (const service of chosen.values()) addService(variables, service);
  return variables;
}

function addService(variables: Map<string, string>, { name, clusterIP, ports }: VariableService): void {
  const [first] = ports;
  if (!first) return;
  const prefix = variableName(name);
  variables.set(`${prefix}_SERVICE_HOST`, clusterIP);
  variables.set(`${prefix}_SERVICE_PORT`, String(first.port));
  for (const port of ports) {
    if (port.name) variables.set(`${prefix}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
  }
  variables.set(`${prefix}_PORT`, urlOf(clusterIP, first));
  for (const port of ports) {
    const { protocol = 'TCP' } = port;
    const own = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
    variables.set(own, urlOf(clusterIP, port));
    variables.set(`${own}_PROTO`, protocol.toLowerCase());
    variables.set(`${own}_PORT`, String(port.port));
    variables.set(`${own}_ADDR`, clusterIP);
  }
}

function urlOf(clusterIP: string, { port, protocol = 'TCP' }: VariableService['ports'][number]): string {
  const host = clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP;
  return `${protocol.toLowerCase()}://${host}:${port}`;
}

function variableName(text: string): string {
  return text.replaceAll('-', '_').toUpperCase();
}
