import type { PodSpec } from '../api/objects.ts';

interface HostPort {
  readonly protocol: string;
  readonly ip: string;
  readonly port: number;
}

const ANY_IP = '0.0.0.0';

/** Whether a pod asks for a port of the host that another pod has. */
export function hasHostPortConflict(wanted: PodSpec, others: readonly PodSpec[]): boolean {
  const ports = hostPortsOf(wanted);
  if (ports.length === 0) return false;
  const taken = others.flatMap(hostPortsOf);
  return ports.some(port => taken.some(other => isConflict(port, other)));
}

// Ordinary init containers are over before they could serve; sidecars are not (scheduler util.GetHostPorts).
function hostPortsOf({ containers, initContainers, hostNetwork }: PodSpec): HostPort[] {
  const sidecars = (initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...containers, ...sidecars].flatMap(({ ports }) =>
    (ports ?? [])
      .map(({ protocol = 'TCP', hostIP = '', hostPort = 0, containerPort }) => ({
        protocol,
        ip: hostIP === '' || hostIP === '::' ? ANY_IP : hostIP,
        port: hostPort === 0 && hostNetwork ? containerPort : hostPort,
      }))
      .filter(({ port }) => port > 0),
  );
}

function isConflict(a: HostPort, b: HostPort): boolean {
  const isSameAddress = a.ip === b.ip || a.ip === ANY_IP || b.ip === ANY_IP;
  return a.port === b.port && a.protocol === b.protocol && isSameAddress;
}
