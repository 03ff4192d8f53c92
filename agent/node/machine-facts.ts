// What the Node says of the machine: facts of the start, and what may change while we run.
import { lookup } from 'node:dns/promises';
import type { NodeAddress } from '../api/objects.ts';
import type { NodeConfig } from '../config/config.ts';
import { type HostFacts, readFileSystemUsage, readHostFacts } from '../host/facts.ts';
import { listAddresses } from '../host/links.ts';
import { findDefaultRoute, lookupRoute } from '../host/routes.ts';
import { settledOrAborted } from '../lib/abort.ts';
import { type AddressResult, buildAddresses } from './build-addresses.ts';
import type { MachineIdentity } from './build-status.ts';
import type { MachineResources } from './node-resources.ts';

export interface MachineFacts {
  readonly identity: MachineIdentity;
  readonly resources: MachineResources;
}

/** The identity and size of this host; the file system is the one that holds `rootDir`. */
export async function readMachineFacts(
  rootDir: string,
  { signal }: { signal: AbortSignal },
): Promise<MachineFacts> {
  const [facts, rootFs] = await Promise.all([readHostFacts({ signal }), readFileSystemUsage(rootDir)]);
  return buildMachineFacts(facts, rootFs.totalBytes);
}

function buildMachineFacts(facts: HostFacts, rootFsBytes: number): MachineFacts {
  const { cpuCount, memoryBytes, pidLimit, hugepages, ...identity } = facts;
  return { identity, resources: { cpuCount, memoryBytes, pidLimit, hugepages, rootFsBytes } };
}

/** The Node's addresses as the host has them now. */
export async function readNodeAddresses(
  config: Pick<NodeConfig, 'name' | 'ips' | 'cloudProvider'>,
  present: readonly NodeAddress[],
  { signal }: { signal: AbortSignal },
): Promise<AddressResult> {
  const isSpecified = config.ips.some(ip => ip !== '0.0.0.0' && ip !== '::');
  const [local, resolvedIPs, defaultRouteIPs] = await Promise.all([
    listAddresses(),
    // A slow resolver must not hold up what configuration has decided already.
    isSpecified ? [] : resolveName(config.name, signal),
    isSpecified ? [] : readDefaultRouteIPs(),
  ]);
  return buildAddresses({
    nodeName: config.name,
    configuredIPs: config.ips,
    isExternalCloud: config.cloudProvider === 'external',
    present,
    localIPs: local.map(({ address }) => address),
    resolvedIPs,
    defaultRouteIPs,
  });
}

const RESOLVE_TIMEOUT_MS = 1_000;

async function resolveName(name: string, signal: AbortSignal): Promise<readonly string[]> {
  // A name that does not resolve is usual: the default route decides then.
  const answer = lookup(name, { all: true }).catch(() => []);
  let found: readonly { readonly address: string }[] = [];
  const taken = answer.then(addresses => {
    found = addresses;
  });
  await settledOrAborted(taken, AbortSignal.any([signal, AbortSignal.timeout(RESOLVE_TIMEOUT_MS)]));
  return found.map(({ address }) => address);
}

// The source address the kernel would send with, which is the interface's first unless the route names one.
async function readDefaultRouteIPs(): Promise<readonly string[]> {
  const ips: string[] = [];
  for (const [family, somewhere] of [
    [4, '192.0.2.1'],
    [6, '2001:db8::1'],
  ] as const) {
    if (!(await findDefaultRoute({ family }))) continue;
    const source = (await lookupRoute(somewhere))?.preferredSource;
    if (source !== undefined) ips.push(source);
  }
  return ips;
}
