// Whether the fields of a manifest have the types and values that the API has for them. A server would refuse others; here
// they would go wrong later, where nobody can tell which file they came from. Pure.

import { isRecord } from '../lib/is-record.ts';
import { parseQuantity } from '../lib/quantity.ts';

type Json = Readonly<Record<string, unknown>>;
/** What was expected instead; undefined for what is right. */
type Shape = (value: unknown) => string | undefined;

const NAME_OF_VARIABLE = /^[^=\0]+$/;
const PORT_MAX = 65_535;

const text: Shape = value => (typeof value === 'string' ? undefined : 'a string');
const flag: Shape = value => (typeof value === 'boolean' ? undefined : 'true or false');
const object: Shape = value => (isRecord(value) ? undefined : 'an object');
const texts: Shape = value =>
  Array.isArray(value) && value.every(item => typeof item === 'string') ? undefined : 'a list of strings';
const objects: Shape = value =>
  Array.isArray(value) && value.every(isRecord) ? undefined : 'a list of objects';
const textMap: Shape = value =>
  isRecord(value) && Object.values(value).every(item => typeof item === 'string')
    ? undefined
    : 'a map of strings';
const quantities: Shape = value =>
  isRecord(value) && Object.values(value).every(isQuantity)
    ? undefined
    : 'a map of quantities like 100m or 64Mi';

function whole(min: number, max = Number.MAX_SAFE_INTEGER): Shape {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
  return value =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max
      ? undefined
      : `a whole number ${range}`;
}

// Empty is the default.
function oneOf(...values: readonly string[]): Shape {
  return value =>
    value === '' || values.includes(String(value)) ? undefined : `one of ${values.join(', ')}`;
}

const METADATA: Readonly<Record<string, Shape>> = { labels: textMap, annotations: textMap, uid: text };

const SPEC: Readonly<Record<string, Shape>> = {
  restartPolicy: oneOf('Always', 'OnFailure', 'Never'),
  dnsPolicy: oneOf('ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'),
  terminationGracePeriodSeconds: whole(0),
  activeDeadlineSeconds: whole(1),
  priority: whole(Number.MIN_SAFE_INTEGER),
  hostNetwork: flag,
  hostPID: flag,
  hostIPC: flag,
  shareProcessNamespace: flag,
  hostname: text,
  subdomain: text,
  nodeSelector: textMap,
  securityContext: object,
  dnsConfig: object,
  affinity: object,
  overhead: quantities,
  tolerations: objects,
  hostAliases: objects,
  volumes: objects,
  initContainers: objects,
  containers: objects,
};

const CONTAINER: Readonly<Record<string, Shape>> = {
  image: text,
  command: texts,
  args: texts,
  workingDir: text,
  env: objects,
  envFrom: objects,
  ports: objects,
  volumeMounts: objects,
  volumeDevices: objects,
  resources: object,
  securityContext: object,
  lifecycle: object,
  livenessProbe: object,
  readinessProbe: object,
  startupProbe: object,
  stdin: flag,
  stdinOnce: flag,
  tty: flag,
  imagePullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
  terminationMessagePath: text,
  terminationMessagePolicy: oneOf('File', 'FallbackToLogsOnError'),
  restartPolicy: oneOf('Always', 'OnFailure', 'Never'),
};

const PORT: Readonly<Record<string, Shape>> = {
  containerPort: whole(1, PORT_MAX),
  hostPort: whole(0, PORT_MAX),
  protocol: oneOf('TCP', 'UDP', 'SCTP'),
  hostIP: text,
  name: text,
};

const RESOURCES: Readonly<Record<string, Shape>> = { limits: quantities, requests: quantities };

const PROBE: Readonly<Record<string, Shape>> = {
  initialDelaySeconds: whole(0),
  timeoutSeconds: whole(0), // 0 is the default, for this and the next ones
  periodSeconds: whole(0),
  successThreshold: whole(0),
  failureThreshold: whole(0),
  terminationGracePeriodSeconds: whole(1),
};

const ENV: Readonly<Record<string, Shape>> = {
  name: value => (typeof value === 'string' && NAME_OF_VARIABLE.test(value) ? undefined : 'a name without ='),
  value: text,
};

/** The first field that is not as it has to be, with its path; undefined when all are. */
export function findShapeProblem(metadata: Json, spec: Json): string | undefined {
  return (
    check(metadata, METADATA, 'metadata') ??
    check(spec, SPEC, 'spec') ??
    first(['initContainers', 'containers'], field =>
      first(listOf(spec[field]).entries(), ([index, container]) =>
        findContainerProblem(container, `spec.${field}[${index}]`),
      ),
    )
  );
}

function findContainerProblem(container: Json, where: string): string | undefined {
  return (
    check(container, CONTAINER, where) ??
    checkEach(container['env'], ENV, `${where}.env`, ['name']) ??
    checkEach(container['ports'], PORT, `${where}.ports`, ['containerPort']) ??
    check(container['resources'], RESOURCES, `${where}.resources`) ??
    first(['livenessProbe', 'readinessProbe', 'startupProbe'], probe =>
      check(container[probe], PROBE, `${where}.${probe}`),
    )
  );
}

function checkEach(
  value: unknown,
  shapes: Readonly<Record<string, Shape>>,
  where: string,
  required: readonly string[],
): string | undefined {
  return first(listOf(value).entries(), ([index, item]) => {
    const missing = required.find(key => isAbsent(item[key]));
    if (missing !== undefined) return `${where}[${index}].${missing}: required`;
    return check(item, shapes, `${where}[${index}]`);
  });
}

function check(value: unknown, shapes: Readonly<Record<string, Shape>>, where: string): string | undefined {
  if (!isRecord(value)) return undefined; // not there, or told of by whoever holds it
  return first(Object.entries(shapes), ([key, shape]) => {
    const field = value[key];
    const expected = isAbsent(field) ? undefined : shape(field);
    return expected === undefined
      ? undefined
      : `${where}.${key}: expected ${expected}, got ${JSON.stringify(field)}`;
  });
}

function first<T>(items: Iterable<T>, find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const problem = find(item);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function isQuantity(value: unknown): boolean {
  return (
    (typeof value === 'string' || typeof value === 'number') && parseQuantity(String(value)) !== undefined
  );
}
