// CRI PodSandboxConfig of a pod (kuberuntime_sandbox.go generatePodSandboxConfig).

import type {
  LinuxContainerResourcesInput,
  PodSandboxConfig,
  PortMapping,
} from '../../cri-proto/runtime.v1.ts';
import type { Container, Pod } from '../api/objects.ts';
import { CPU_PERIOD_US, cpuQuotaUs, cpuShares } from '../resources/linux-resources.ts';
import { buildPodResources, type ResourceAmounts } from '../resources/pod-resources.ts';
import { milliValue, wholeValue } from '../resources/quantity.ts';
import { buildPodDns, type PodDns } from './dns-config.ts';
import { buildHostname } from './hostname.ts';
import {
  POD_NAME_LABEL,
  POD_NAMESPACE_LABEL,
  POD_UID_LABEL,
  podLogDirectory,
  podNamespace,
  podUID,
} from './naming.ts';
import type { PodContext } from './pod-context.ts';
import { buildSandboxSecurityContext } from './security-context.ts';

export type SandboxConfigOutcome =
  | { readonly kind: 'ok'; readonly config: PodSandboxConfig; readonly dns: PodDns }
  | { readonly kind: 'refused'; readonly message: string };

export function buildSandboxConfig(pod: Pod, attempt: number, context: PodContext): SandboxConfigOutcome {
  const namespace = podNamespace(pod);
  const { name } = pod.metadata;
  const uid = podUID(pod);
  const hostname = buildHostname(name, namespace, pod.spec, context.clusterDomain);
  if (hostname.kind === 'tooLong') return { kind: 'refused', message: hostname.message };
  const { userNamespace } = context;
  if (userNamespace.kind === 'refused') return userNamespace;
  const dns = buildPodDns(pod.spec, { ...context, namespace, host: context.hostDns });
  const config: PodSandboxConfig = {
    metadata: { name, namespace, uid, attempt },
    hostname: pod.spec.hostNetwork ? '' : hostname.hostname,
    logDirectory: podLogDirectory(context.podLogsDir, { namespace, name, uid }),
    dnsConfig: dns.config,
    portMappings: buildPortMappings(pod.spec.containers),
    labels: {
      ...pod.metadata.labels,
      [POD_NAME_LABEL]: name,
      [POD_NAMESPACE_LABEL]: namespace,
      [POD_UID_LABEL]: uid,
    },
    annotations: { ...pod.metadata.annotations },
    linux: {
      cgroupParent: context.cgroupParent,
      securityContext: buildSandboxSecurityContext(pod.spec, userNamespace),
      sysctls: Object.fromEntries(
        (pod.spec.securityContext?.sysctls ?? []).map(sysctl => [
          sysctl.name.replaceAll('/', '.'),
          sysctl.value,
        ]),
      ),
      overhead: toCri(overheadOf(pod), overheadOf(pod)),
      resources: sandboxResources(pod),
    },
  };
  return { kind: 'ok', config, dns };
}

function sandboxResources(pod: Pod): LinuxContainerResourcesInput {
  const { overhead: _overhead, ...withoutOverhead } = pod.spec;
  const { requests, limits } = buildPodResources(withoutOverhead);
  return toCri(requests, limits);
}

function overheadOf(pod: Pod): ResourceAmounts {
  return {
    cpuMilli: milliValue(pod.spec.overhead?.['cpu']),
    memoryBytes: wholeValue(pod.spec.overhead?.['memory']),
  };
}

function toCri(requests: ResourceAmounts, limits: ResourceAmounts): LinuxContainerResourcesInput {
  return {
    cpuShares: cpuShares(requests.cpuMilli),
    cpuQuota: cpuQuotaUs(limits.cpuMilli),
    cpuPeriod: CPU_PERIOD_US,
    memoryLimitInBytes: limits.memoryBytes,
  };
}

function buildPortMappings(containers: readonly Container[]): readonly PortMapping[] {
  const mappings: PortMapping[] = [];
  for (const { ports = [] } of containers) {
    const seen = new Set<string>();
    for (const { name, hostIP = '', hostPort = 0, containerPort, protocol = 'TCP' } of ports) {
      const family = hostIP.includes(':') ? 'v6' : 'v4';
      const key = name ?? [family, protocol, hostIP, containerPort, hostPort].join(' ');
      if (seen.has(key)) continue;
      seen.add(key);
      const known = protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP';
      mappings.push({ protocol: known, hostIp: hostIP, hostPort, containerPort });
    }
  }
  return mappings;
}
