// Pod fields as text (core/v1 ObjectFieldSelector, ResourceFieldSelector), for downwardAPI files and, by the same
// functions, for environment variables.
import type { Container, Pod, Quantity } from '../api/objects.ts';
import { milliValue, wholeValue } from '../resources/quantity.ts';
import { NO_DEFAULT_MODE } from './build-key-files.ts';
import type { FileProjection, PayloadOutcome } from './payload.ts';
import type { DownwardAPISource, ResourceFieldRef } from './volume-source.ts';

export type FieldOutcome =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'failed'; readonly problem: string };

/** Node allocatable: what a container without a limit is told as its limit. */
export type Allocatable = Readonly<Record<string, Quantity>>;

/** The files of a downwardAPI source. */
export function buildDownwardAPIFiles(
  source: DownwardAPISource,
  pod: Pod,
  allocatable: Allocatable,
): PayloadOutcome {
  const { defaultMode } = source;
  if (defaultMode === undefined) return { kind: 'failed', problems: [NO_DEFAULT_MODE] };
  const payload = new Map<string, FileProjection>();
  const problems: string[] = [];
  for (const item of source.items ?? []) {
    const outcome = item.resourceFieldRef
      ? buildResourceField(item.resourceFieldRef, pod, allocatable)
      : buildObjectField(item.fieldRef?.fieldPath ?? '', pod);
    if (outcome.kind === 'failed') problems.push(outcome.problem);
    else payload.set(item.path, { content: Buffer.from(outcome.value), mode: item.mode ?? defaultMode });
  }
  return problems.length > 0 ? { kind: 'failed', problems } : { kind: 'built', payload };
}

/** A `metadata.*` field of the pod; a missing label or annotation is the empty text. */
export function buildObjectField(fieldPath: string, { metadata }: Pod): FieldOutcome {
  const [, map, key] = /^metadata\.(labels|annotations)\['(.*)'\]$/s.exec(fieldPath) ?? [];
  if (key !== undefined) {
    const entries = map === 'labels' ? metadata.labels : metadata.annotations;
    return { kind: 'value', value: entries && Object.hasOwn(entries, key) ? (entries[key] ?? '') : '' };
  }
  switch (fieldPath) {
    case 'metadata.name':
      return { kind: 'value', value: metadata.name };
    case 'metadata.namespace':
      return { kind: 'value', value: metadata.namespace ?? '' };
    case 'metadata.uid':
      return { kind: 'value', value: metadata.uid ?? '' };
    case 'metadata.labels':
      return { kind: 'value', value: formatMap(metadata.labels ?? {}) };
    case 'metadata.annotations':
      return { kind: 'value', value: formatMap(metadata.annotations ?? {}) };
    default:
      return { kind: 'failed', problem: `unsupported fieldPath: ${fieldPath}` };
  }
}

/** One `key="value"` line per entry, sorted by key, values quoted as Go's strconv.Quote does, no newline at the end. */
export function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map(key => `${key}=${quoteGo(map[key] ?? '')}`)
    .join('\n');
}

const GO_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

// Go prints letters, marks, numbers, punctuation, symbols and the plain blank as they are.
const GO_PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

function quoteGo(text: string): string {
  const quoted = Array.from(text, character => {
    const escape = GO_ESCAPES[character];
    if (escape !== undefined) return escape;
    if (GO_PRINTABLE.test(character)) return character;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
    return code > 0xffff
      ? `\\U${code.toString(16).padStart(8, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `"${quoted.join('')}"`;
}

/** A container's request or limit divided by the divisor, rounded up. */
export function buildResourceField(
  ref: ResourceFieldRef,
  pod: Pod,
  allocatable: Allocatable,
  container: Container | undefined = findContainer(pod, ref.containerName),
): FieldOutcome {
  if (!container) return { kind: 'failed', problem: `container ${ref.containerName ?? ''} not found` };
  const [, side, resource = ''] = /^(limits|requests)\.(.+)$/.exec(ref.resource) ?? [];
  const isPlain = ['cpu', 'memory', 'ephemeral-storage'].includes(resource);
  if (side === undefined || !(isPlain || resource.startsWith('hugepages-'))) {
    return { kind: 'failed', problem: `unsupported container resource : ${ref.resource}` };
  }
  const own = container.resources?.[side === 'limits' ? 'limits' : 'requests']?.[resource];
  // Hugepages are never overcommitted, so a missing limit means none.
  const fallback = side === 'limits' && isPlain && wholeValue(own) === 0 ? allocatable[resource] : own;
  const units = resource === 'cpu' ? milliValue : wholeValue;
  const divisor = units(ref.divisor) || units('1');
  return { kind: 'value', value: String(Math.ceil(units(fallback) / divisor)) };
}

function findContainer(pod: Pod, name: string | undefined): Container | undefined {
  const everyContainer = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return everyContainer.find(container => container.name === name);
}
