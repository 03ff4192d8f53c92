// What differs between any two pods (names of nodes, addresses, IDs, times) becomes the same words.
import type { Pod } from '../../agent/api/objects.ts';
import type { EventObject } from '../support/cluster.ts';

interface Place {
  readonly namespace: string;
  readonly nodeName: string;
  readonly nodeIP: string;
}

/** The status as flat lines `path value`, the values being JSON. */
export function describeStatus(pod: Pod, place: Place): ReadonlyMap<string, string> {
  const lines = new Map<string, string>();
  const neutral = makeNeutral(pod, place);
  flatten('', pod.status, lines, neutral);
  return lines;
}

/** One line per kind of event that the node has told; how often is left out. */
export function describeEvents(pod: Pod, events: readonly EventObject[], place: Place): ReadonlySet<string> {
  const neutral = makeNeutral(pod, place);
  const own = events.filter(({ involvedObject }) => involvedObject.uid === pod.metadata.uid);
  return new Set(
    own.map(({ type, reason, message, involvedObject: { fieldPath = 'pod' } }) =>
      neutral(`${type} ${reason} ${fieldPath}: ${message}`),
    ),
  );
}

function flatten(
  path: string,
  value: unknown,
  lines: Map<string, string>,
  neutral: (text: string) => string,
): void {
  if (value === null || typeof value !== 'object' || Object.keys(value).length === 0) {
    lines.set(path, neutral(JSON.stringify(value) ?? 'absent'));
    return;
  }
  for (const [key, child] of Object.entries(value)) {
    const name = Array.isArray(value) ? neutral(nameOf(child, key)) : key;
    flatten(path === '' ? name : `${path}.${name}`, child, lines, neutral);
  }
}

// Lists of things with names are compared by name; their order is a line of its own nowhere but in the API.
function nameOf(child: unknown, index: string): string {
  if (typeof child !== 'object' || child === null) return index;
  const type = 'type' in child ? child.type : undefined;
  const name = 'name' in child ? child.name : type;
  return typeof name === 'string' ? `${index}:${name}` : index;
}

function makeNeutral({ metadata, status }: Pod, place: Place): (text: string) => string {
  const words: readonly (readonly [string | undefined, string])[] = [
    [metadata.uid, 'UID'],
    [place.namespace, 'NAMESPACE'],
    [place.nodeName, 'NODE'],
    [place.nodeIP, 'NODE_IP'],
    [status?.podIP, 'POD_IP'],
  ];
  const patterns: readonly (readonly [RegExp, string])[] = [
    [/\b1970-01-01T00:00:00Z/g, 'EPOCH'],
    [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME'],
    [/(?<!sha256:)\b[0-9a-f]{64}\b/g, 'ID'],
    [/\bkube-api-access-\w{5}\b/g, 'kube-api-access'],
    [/\b10\.244\.\d+\.\d+\b/g, 'POD_IP'],
    [/\b10\.(?:9[6-9]|10\d|11[01])\.\d+\.\d+\b/g, 'SERVICE_IP'],
    [/\d+(?:\.\d+)?m?s \(\d+(?:\.\d+)?m?s including waiting\)/g, 'DURATION'],
    [/:\d{5}->/g, ':PORT->'],
  ];
  return text => {
    let neutral = text;
    for (const [word, name] of words) if (word) neutral = neutral.replaceAll(word, name);
    for (const [pattern, name] of patterns) neutral = neutral.replaceAll(pattern, name);
    return neutral;
  };
}
