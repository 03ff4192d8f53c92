// Rules between settings, and between a setting and what this agent does. Each field checks itself when it is read.

import { isIP } from 'node:net';
import { splitAddresses } from './build-config.ts';
import type { FieldName, Values } from './fields.ts';
import type { Problem } from './origin.ts';
import type { Settings } from './settings.ts';

interface Rule {
  readonly path: FieldName;
  /** The complaint, or undefined when all is well. */
  readonly check: (values: Values) => string | undefined;
}

const RULES: readonly Rule[] = [
  {
    path: 'memoryReservationPolicy',
    check: v =>
      unless(v.memoryReservationPolicy === 'None', 'TieredReservation is not supported, memory.min stays 0'),
  },
  { path: 'runOnce', check: v => (v.runOnce ? 'run-once mode does not exist any more' : undefined) },
  {
    path: 'imageGCLowThresholdPercent',
    check: v =>
      unless(
        v.imageGCLowThresholdPercent < v.imageGCHighThresholdPercent,
        `must be less than imageGCHighThresholdPercent (${v.imageGCHighThresholdPercent})`,
      ),
  },
  {
    path: 'imageMaximumGCAge',
    check: v =>
      unless(
        v.imageMaximumGCAge === 0 || v.imageMaximumGCAge > v.imageMinimumGCAge,
        'must be longer than imageMinimumGCAge',
      ),
  },
  {
    path: 'maxParallelImagePulls',
    check: v =>
      unless(
        !v.serializeImagePulls || (v.maxParallelImagePulls ?? 1) === 1,
        'must be 1 while serializeImagePulls is true',
      ),
  },
  {
    path: 'preloadedImagesVerificationAllowlist',
    check: v =>
      unless(
        v.preloadedImagesVerificationAllowlist.length === 0 ||
          v.imagePullCredentialsVerificationPolicy === 'NeverVerifyAllowlistedImages',
        'needs imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages',
      ),
  },
  {
    path: 'systemCgroups',
    check: v => unless(v.systemCgroups === '' || v.cgroupRoot !== '', 'needs cgroupRoot'),
  },
  {
    path: 'shutdownGracePeriodCriticalPods',
    check: v =>
      unless(
        v.shutdownGracePeriodCriticalPods <= v.shutdownGracePeriod,
        'must not be longer than shutdownGracePeriod',
      ),
  },
  { path: 'shutdownGracePeriod', check: v => zeroOrASecond(v.shutdownGracePeriod) },
  { path: 'shutdownGracePeriodCriticalPods', check: v => zeroOrASecond(v.shutdownGracePeriodCriticalPods) },
  {
    path: 'shutdownGracePeriodByPodPriority',
    check: v =>
      unless(
        v.shutdownGracePeriodByPodPriority.length === 0 ||
          (v.shutdownGracePeriod === 0 && v.shutdownGracePeriodCriticalPods === 0),
        'cannot stand beside shutdownGracePeriod',
      ),
  },
  {
    path: 'enableSystemLogQuery',
    check: v => unless(!v.enableSystemLogQuery || v.enableSystemLogHandler, 'needs enableSystemLogHandler'),
  },
  {
    path: 'reservedSystemCPUs',
    check: v =>
      unless(
        v.reservedSystemCPUs === '' || (!v.systemReservedCgroup && !v.kubeReservedCgroup),
        'cannot stand beside systemReservedCgroup or kubeReservedCgroup',
      ),
  },
  {
    path: 'reservedSystemCPUs',
    check: v => unless(isCPUSet(v.reservedSystemCPUs), 'expected CPUs like 0-1,4'),
  },
  {
    path: 'nodelet.hostnameOverride',
    check: v => checkNodeName((v['nodelet.hostnameOverride'] ?? '').trim().toLowerCase()),
  },
  { path: 'nodelet.nodeIP', check: v => checkNodeIP(splitAddresses(v['nodelet.nodeIP'])) },
  {
    path: 'nodelet.network.mtu',
    // RFC 791: every IPv4 link carries 68 bytes; RFC 8200 asks 1280 for IPv6, which we cannot know here.
    check: v =>
      unless(v['nodelet.network.mtu'] === 0 || v['nodelet.network.mtu'] >= 68, 'must be 0, or 68 or more'),
  },
];

/** Every rule that is broken, each with the origin of its setting. */
export function validate(values: Values, settings: Settings): readonly Problem[] {
  const broken = RULES.flatMap(({ path, check }) => {
    const message = check(values);
    return message === undefined ? [] : [{ path, message }];
  });
  return [...broken, ...checkSoftEviction(values), ...checkEnforcements(values)].map(problem => {
    const field = FIELD_PART.exec(problem.path)?.[0];
    // A rule's path starts with its field's name, so the lookup below finds it or an entry of it.
    const setting = settings.get(
      (settings.has(problem.path as FieldName) ? problem.path : field) as FieldName,
    );
    return setting === undefined ? problem : { ...problem, origin: setting.origin };
  });
}

const FIELD_PART = /^[A-Za-z]+/;

function checkSoftEviction(v: Values): readonly Problem[] {
  return Object.keys(v.evictionSoft)
    .filter(signal => v.evictionSoftGracePeriod[signal] === undefined)
    .map(signal => ({ path: `evictionSoft.${signal}`, message: `needs evictionSoftGracePeriod.${signal}` }));
}

const ENFORCEMENTS = [
  'none',
  'pods',
  'system-reserved',
  'system-reserved-compressible',
  'kube-reserved',
  'kube-reserved-compressible',
];

function checkEnforcements(v: Values): readonly Problem[] {
  const names = v.enforceNodeAllocatable;
  const messages: string[] = [];
  for (const name of names) {
    if (!ENFORCEMENTS.includes(name))
      messages.push(`expected one of ${ENFORCEMENTS.join(', ')}, got "${name}"`);
    if (name.startsWith('system-reserved') && !v.systemReservedCgroup)
      messages.push(`${name} needs systemReservedCgroup`);
    if (name.startsWith('kube-reserved') && !v.kubeReservedCgroup)
      messages.push(`${name} needs kubeReservedCgroup`);
    if (names.includes(`${name}-compressible`))
      messages.push(`${name} and ${name}-compressible exclude each other`);
  }
  if (names.includes('none') && names.length > 1) messages.push('none stands alone');
  if (new Set(names).size < names.length) messages.push('names something twice');
  if (!v.cgroupsPerQOS && names.some(name => name !== 'none'))
    messages.push('needs cgroupsPerQOS: true, or [none]');
  return messages.map(message => ({ path: 'enforceNodeAllocatable', message }));
}

function unless(isFine: boolean, complaint: string): string | undefined {
  return isFine ? undefined : complaint;
}

function zeroOrASecond(durationMs: number): string | undefined {
  return unless(durationMs === 0 || durationMs >= 1000, 'must be 0s, or 1s or longer');
}

function isCPUSet(text: string): boolean {
  return text === '' || /^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text);
}

/** A Node's name is a DNS subdomain (RFC 1123). */
function checkNodeName(name: string): string | undefined {
  const isGood =
    name.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name);
  return unless(isGood, `no valid node name: ${JSON.stringify(name)}`);
}

function checkNodeIP(addresses: readonly string[]): string | undefined {
  const wrong = addresses.find(address => isIP(address) === 0);
  if (wrong !== undefined) return `expected an IP address, got ${JSON.stringify(wrong)}`;
  const families = new Set(addresses.map(isIP));
  return unless(families.size === addresses.length, 'expected at most one address per family');
}
