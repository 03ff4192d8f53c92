// Kubernetes-shaped values: eviction thresholds, reserved resources, taints, labels, endpoints, addresses.

import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { closest } from '../lib/closest.ts';
import { isRecord } from '../lib/is-record.ts';
import { formatQuantity, parseQuantity } from '../lib/quantity.ts';
import type { EvictionAmount, EvictionSignal, NodeTaint, PriorityShutdownGrace } from './config.ts';
import {
  bad,
  type Field,
  type FieldOptions,
  type FieldProblem,
  found,
  good,
  makeField,
  type Parsed,
} from './field.ts';
import { map } from './map-field.ts';

const EVICTION_SIGNALS = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'containerfs.available',
  'containerfs.inodesFree',
  'allocatableMemory.available',
  'pid.available',
] as const satisfies readonly EvictionSignal[];

export const DEFAULT_EVICTION_HARD: Readonly<Record<string, EvictionAmount>> = {
  'memory.available': { kind: 'amount', amount: 100 * 2 ** 20 },
  'nodefs.available': { kind: 'percent', percent: 10 },
  'nodefs.inodesFree': { kind: 'percent', percent: 5 },
  'imagefs.available': { kind: 'percent', percent: 15 },
  'imagefs.inodesFree': { kind: 'percent', percent: 5 },
};

function isEvictionSignal(name: string): name is EvictionSignal {
  return EVICTION_SIGNALS.some(signal => signal === name);
}

export function checkEvictionSignal(name: string): string | undefined {
  return isEvictionSignal(name) ? undefined : `unknown eviction signal${didYouMean(name, EVICTION_SIGNALS)}`;
}

interface ThresholdOptions extends FieldOptions {
  readonly fallback?: Readonly<Record<string, EvictionAmount>>;
  readonly separator: '<' | '=';
}

export function thresholds(options: ThresholdOptions): Field<Readonly<Record<string, EvictionAmount>>> {
  return map({
    ...options,
    type: 'map of quantities or percentages',
    checkKey: checkEvictionSignal,
    readValue: parseEvictionAmount,
    showValue: amount => (amount.kind === 'percent' ? `${amount.percent}%` : formatQuantity(amount.amount)),
  });
}

function parseEvictionAmount(raw: unknown): Parsed<EvictionAmount> {
  const text = typeof raw === 'number' ? String(raw) : raw;
  if (typeof text !== 'string')
    return bad(`expected a quantity like 100Mi or a share like 10%, got ${found(raw)}`);
  if (text.endsWith('%')) {
    const percent = /^\d+(\.\d+)?%$/.test(text) ? Number(text.slice(0, -1)) : Number.NaN;
    return percent >= 0 && percent <= 100
      ? good({ kind: 'percent', percent })
      : bad(`must be between 0% and 100%, got ${found(raw)}`);
  }
  const amount = parseQuantity(text);
  if (amount === undefined)
    return bad(`expected a quantity like 100Mi or a share like 10%, got ${found(raw)}`);
  return amount >= 0 ? good({ kind: 'amount', amount }) : bad(`must not be negative, got ${found(raw)}`);
}

const RESERVABLE = ['cpu', 'memory', 'ephemeral-storage', 'pid'];

/** Quantities by resource name, kept as text until cpu and bytes part ways. */
export function reserved(options: FieldOptions): Field<Readonly<Record<string, string>>> {
  return map({
    ...options,
    type: 'map of quantities',
    checkKey: key =>
      RESERVABLE.includes(key) ? undefined : `cannot be reserved (${RESERVABLE.join(', ')} can)`,
    readValue: raw => {
      const text = typeof raw === 'number' ? String(raw) : raw;
      const amount = typeof text === 'string' ? parseQuantity(text) : undefined;
      if (typeof text !== 'string' || amount === undefined) {
        return bad(`expected a quantity like 500m or 1Gi, got ${found(raw)}`);
      }
      return amount >= 0 ? good(text) : bad(`must not be negative, got ${found(raw)}`);
    },
  });
}

const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;

export function taints(options: FieldOptions): Field<readonly NodeTaint[]> {
  return makeField<readonly NodeTaint[]>({
    ...options,
    type: 'list of taints',
    fallback: [],
    parse: raw => parseList(raw, 'taints', parseTaint),
    readFlag: texts =>
      texts
        .flatMap(text => text.split(','))
        .filter(Boolean)
        .map(readTaintText),
  });
}

/** `key=value:Effect` or `key:Effect`, as a file would hold it. */
function readTaintText(text: string): unknown {
  const parts = /^([^=:]+)(?:=([^:]*))?:(.+)$/.exec(text);
  return parts ? { key: parts[1], ...(parts[2] ? { value: parts[2] } : {}), effect: parts[3] } : text;
}

function parseTaint(raw: unknown): Parsed<NodeTaint> {
  if (!isRecord(raw)) return bad(`expected key, value and effect (key=value:Effect), got ${found(raw)}`);
  const { key, value, effect: effectName, ...rest } = raw;
  const problems: FieldProblem[] = [];
  const keyComplaint = typeof key === 'string' ? checkLabelKey(key) : `expected text, got ${found(key)}`;
  if (keyComplaint) problems.push({ suffix: '.key', message: keyComplaint });
  const isValueGood = value === undefined || (typeof value === 'string' && !checkLabelValue(value));
  if (!isValueGood) problems.push({ suffix: '.value', message: `no valid taint value: ${found(value)}` });
  const effect = TAINT_EFFECTS.find(candidate => candidate === effectName);
  if (!effect) {
    problems.push({
      suffix: '.effect',
      message: `expected one of ${TAINT_EFFECTS.join(', ')}, got ${found(effectName)}`,
    });
  }
  for (const unknown of Object.keys(rest)) {
    const message = unknown === 'timeAdded' ? 'must not be set' : 'unknown key';
    if (rest[unknown] !== null) problems.push({ suffix: `.${unknown}`, message });
  }
  if (problems.length > 0 || typeof key !== 'string' || !effect) return { ok: false, problems };
  return good(typeof value === 'string' && value !== '' ? { key, value, effect } : { key, effect });
}

export function shutdownGraces(options: FieldOptions): Field<readonly PriorityShutdownGrace[]> {
  return makeField<readonly PriorityShutdownGrace[]>({
    ...options,
    type: 'list of priorities with seconds',
    fallback: [],
    parse: raw =>
      parseList(raw, 'priorities', (item): Parsed<PriorityShutdownGrace> => {
        const { priority, shutdownGracePeriodSeconds } = isRecord(item) ? item : {};
        return Number.isInteger(priority) && Number.isInteger(shutdownGracePeriodSeconds)
          ? good({
              priority: Number(priority),
              shutdownGracePeriodSeconds: Number(shutdownGracePeriodSeconds),
            })
          : bad(`expected priority and shutdownGracePeriodSeconds, got ${found(item)}`);
      }),
  });
}

function parseList<T>(
  raw: unknown,
  what: string,
  parseItem: (raw: unknown) => Parsed<T>,
): Parsed<readonly T[]> {
  if (!Array.isArray(raw)) return bad(`expected a list of ${what}, got ${found(raw)}`);
  const values: T[] = [];
  const problems: FieldProblem[] = [];
  for (const [index, item] of raw.entries()) {
    const parsed = parseItem(item);
    if (parsed.ok) values.push(parsed.value);
    else
      problems.push(
        ...parsed.problems.map(problem => ({ ...problem, suffix: `[${index}]${problem.suffix}` })),
      );
  }
  return problems.length > 0 ? { ok: false, problems } : good(values);
}

/** API conventions: an optional DNS prefix and a name of at most 63 characters. */
function checkLabelKey(key: string): string | undefined {
  const [name, prefix, ...more] = key.split('/').reverse();
  const isPrefixGood =
    prefix === undefined || (prefix.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(prefix));
  const isNameGood =
    name !== undefined && name.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(name);
  return more.length === 0 && isPrefixGood && isNameGood ? undefined : `no valid label key: ${found(key)}`;
}

export function checkLabelValue(value: string): string | undefined {
  const isGood =
    value === '' || (value.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(value));
  return isGood ? undefined : `no valid label value: ${found(value)}`;
}

const NODE_LABELS = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
]);

/** NodeRestriction lets a node set only these labels below kubernetes.io and k8s.io on itself. */
export function checkNodeLabelKey(key: string): string | undefined {
  const complaint = checkLabelKey(key);
  if (complaint) return complaint;
  const prefix = key.includes('/') ? (key.split('/')[0] ?? '') : '';
  const isBelow = (domain: string) => prefix === domain || prefix.endsWith(`.${domain}`);
  if (!isBelow('kubernetes.io') && !isBelow('k8s.io')) return undefined;
  if (NODE_LABELS.has(key) || isBelow('kubelet.kubernetes.io') || isBelow('node.kubernetes.io'))
    return undefined;
  return 'a node may not set this label on itself (use node.kubernetes.io/, kubelet.kubernetes.io/ or another domain)';
}

export function checkAddress(text: string): string | undefined {
  return isIP(text) === 0 ? `expected an IP address, got ${found(text)}` : undefined;
}

export function checkCIDR(text: string): string | undefined {
  return text.includes('/') && ipaddr.isValidCIDR(text) ? undefined : `expected a CIDR, got ${found(text)}`;
}

/** One range, or one per family with a comma. */
export function checkCIDRs(text: string): string | undefined {
  return text.split(',').map(checkCIDR).find(Boolean);
}

export function checkUnixEndpoint(text: string): string | undefined {
  return /^(unix:\/\/)?\//.test(text)
    ? undefined
    : `expected a unix socket like unix:///run/containerd/containerd.sock, got ${found(text)}`;
}

export function checkAbsolutePath(text: string): string | undefined {
  const isClean = text === '/' || !/\/\/|\/\.{1,2}(\/|$)|\/$/.test(text);
  return text.startsWith('/') && isClean
    ? undefined
    : `expected an absolute path without . or .., got ${found(text)}`;
}

/** The log directory's path becomes a label of metrics. */
export function checkASCII(text: string): string | undefined {
  return /^[\x20-\x7e]*$/.test(text) ? undefined : `expected ASCII characters only, got ${found(text)}`;
}

/** A repository, or all below a host or a path: `registry.example/team/*`. */
export function checkImagePattern(pattern: string): string | undefined {
  const isWildcard = pattern.endsWith('/*');
  const rest = isWildcard ? pattern.slice(0, -2) : pattern;
  const hasTagOrDigest = !isWildcard && /[:@][^/]*$/.test(rest);
  return rest !== '' && !/[\s*]/.test(rest) && !hasTagOrDigest
    ? undefined
    : `expected a repository without tag, or a prefix that ends in /*, got ${found(pattern)}`;
}

function didYouMean(name: string, candidates: Iterable<string>): string {
  const near = closest(name, candidates);
  return near === undefined ? '' : `, did you mean ${near}?`;
}
