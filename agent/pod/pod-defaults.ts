// The API server's defaults for a pod that it does not see (pkg/apis/core/v1/defaults.go), as far as anything here or
// the mirror pod depends on them.

import type { Container, ContainerPort, PodSpec, Probe, Quantity } from '../api/objects.ts';

export function applyPodDefaults(spec: PodSpec): PodSpec {
  const withDefaults = (container: Container): Container => applyContainerDefaults(container, spec);
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    enableServiceLinks: true,
    securityContext: {},
    ...withoutEmpty(spec),
    containers: spec.containers.map(withDefaults),
    ...(spec.initContainers ? { initContainers: spec.initContainers.map(withDefaults) } : {}),
  };
}

function applyContainerDefaults(container: Container, { hostNetwork }: PodSpec): Container {
  const { ports, resources, livenessProbe, readinessProbe, startupProbe } = container;
  const { limits } = resources ?? {};
  return {
    imagePullPolicy: defaultPullPolicy(container.image),
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    ...withoutEmpty(container),
    ...(ports ? { ports: ports.map(port => applyPortDefaults(port, hostNetwork === true)) } : {}),
    ...(limits
      ? { resources: { ...resources, requests: defaultRequests(limits, resources?.requests) } }
      : {}),
    ...(livenessProbe ? { livenessProbe: applyProbeDefaults(livenessProbe) } : {}),
    ...(readinessProbe ? { readinessProbe: applyProbeDefaults(readinessProbe) } : {}),
    ...(startupProbe ? { startupProbe: applyProbeDefaults(startupProbe) } : {}),
  };
}

function defaultPullPolicy(image: string): string {
  const lastPart = image.slice(image.lastIndexOf('/') + 1);
  const isLatest = !lastPart.includes(':') || lastPart.endsWith(':latest');
  return isLatest && !image.includes('@') ? 'Always' : 'IfNotPresent';
}

function applyPortDefaults(port: ContainerPort, isHostNetwork: boolean): ContainerPort {
  const { protocol = 'TCP', hostPort, containerPort } = port;
  return { ...port, protocol, ...(isHostNetwork && !hostPort ? { hostPort: containerPort } : {}) };
}

// A limit without a request is the request as well.
function defaultRequests(
  limits: Readonly<Record<string, Quantity>>,
  requests: Readonly<Record<string, Quantity>> | undefined,
): Readonly<Record<string, Quantity>> {
  return { ...limits, ...requests };
}

function applyProbeDefaults(probe: Probe): Probe {
  const timing = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
  const given = Object.entries(probe).filter(([, value]) => value !== 0); // 0 is as good as nothing here
  return { ...timing, ...Object.fromEntries(given) };
}

// What a manifest leaves empty is not given, and has its default.
function withoutEmpty<T extends object>(given: T): T {
  const fields = Object.entries(given).filter(([, value]) => value !== null && value !== '');
  return Object.fromEntries(fields) as T; // of optional fields some are missing
}
