// A container's environment (kubelet_pods.go makeEnvironmentVariables): later names win, `$(VAR)` sees what was
// declared before.

import type { Container, EnvVar, FileKeySelector, Pod } from '../api/objects.ts';
import { milliValue, wholeValue } from '../resources/quantity.ts';
import { type Allocatable, buildObjectField, buildResourceField } from '../volume/build-downward-api.ts';
import type { ReadEnvironmentFile } from './environment-files.ts';
import { expandVariables, MAX_PROCESS_BYTES } from './expansion.ts';
import { podNamespace } from './naming.ts';

export interface EnvironmentSources {
  readonly nodeIPs: readonly string[];
  readonly podIPs: readonly string[];
  readonly allocatable: Allocatable;
  /** ConfigMap and Secret values by name, with text already decoded; undefined when the object is not there. */
  readonly configMap: (name: string) => Readonly<Record<string, string>> | undefined;
  readonly secret: (name: string) => Readonly<Record<string, string>> | undefined;
  readonly file: ReadEnvironmentFile;
  /** Where Services are; what is declared under the same name wins. */
  readonly serviceVariables: ReadonlyMap<string, string>;
}

export type Environment =
  | { readonly kind: 'ok'; readonly variables: ReadonlyMap<string, string> }
  | { readonly kind: 'failed'; readonly message: string };

type Value =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'omitted' }
  | { readonly kind: 'failed'; readonly message: string };

export function buildEnvironment(pod: Pod, container: Container, sources: EnvironmentSources): Environment {
  const variables = new Map<string, string>();
  let length = 0;
  for (const source of container.envFrom ?? []) {
    const failure = addAll(variables, source, sources);
    if (failure) return { kind: 'failed', message: failure };
  }
  for (const variable of container.env ?? []) {
    const value = valueOf(pod, container, variable, variables, sources);
    if (value.kind === 'failed') return value;
    if (value.kind !== 'value') continue;
    variables.set(variable.name, value.value);
    length += value.value.length;
    if (length > MAX_PROCESS_BYTES) {
      return { kind: 'failed', message: `the environment is longer than ${MAX_PROCESS_BYTES} bytes` };
    }
  }
  for (const [name, value] of sources.serviceVariables) {
    if (!variables.has(name)) variables.set(name, value);
  }
  return { kind: 'ok', variables };
}

function addAll(
  variables: Map<string, string>,
  source: NonNullable<Container['envFrom']>[number],
  sources: EnvironmentSources,
): string | undefined {
  const reference = source.configMapRef ?? source.secretRef;
  const name = reference?.name ?? '';
  const values = source.configMapRef ? sources.configMap(name) : sources.secret(name);
  if (!values) {
    if (reference?.optional) return undefined;
    return `${source.configMapRef ? 'configmap' : 'secret'} "${name}" not found`;
  }
  for (const [key, value] of Object.entries(values)) variables.set(`${source.prefix ?? ''}${key}`, value);
  return undefined;
}

function valueOf(
  pod: Pod,
  container: Container,
  variable: EnvVar,
  known: ReadonlyMap<string, string>,
  sources: EnvironmentSources,
): Value {
  const { valueFrom } = variable;
  if (!valueFrom) {
    const lookUp = (name: string): string | undefined =>
      known.get(name) ?? sources.serviceVariables.get(name);
    return { kind: 'value', value: expandVariables(variable.value ?? '', lookUp) };
  }
  if (valueFrom.fieldRef) return fieldValue(pod, valueFrom.fieldRef.fieldPath, sources);
  if (valueFrom.resourceFieldRef) {
    const { containerName, resource, divisor } = valueFrom.resourceFieldRef;
    const target = containerName
      ? pod.spec.containers.find(candidate => candidate.name === containerName)
      : container;
    const ref = { resource, ...(divisor === undefined ? {} : { divisor }) };
    return fromOutcome(buildResourceField(ref, pod, availableTo(pod, sources.allocatable), target));
  }
  if (valueFrom.configMapKeyRef) {
    return keyValue('ConfigMap', valueFrom.configMapKeyRef, sources.configMap, pod);
  }
  if (valueFrom.secretKeyRef) return keyValue('Secret', valueFrom.secretKeyRef, sources.secret, pod);
  if (valueFrom.fileKeyRef) return fileValue(valueFrom.fileKeyRef, sources.file);
  return { kind: 'failed', message: `environment variable ${variable.name} has an unknown source` };
}

// A container without a limit may use what its pod may, and only then what the node has (KEP-2837).
function availableTo({ spec }: Pod, allocatable: Allocatable): Allocatable {
  const { cpu = '0', memory = '0' } = spec.resources?.limits ?? {};
  return {
    ...allocatable,
    ...(milliValue(cpu) > 0 ? { cpu } : {}),
    ...(wholeValue(memory) > 0 ? { memory } : {}),
  };
}

function fileValue(
  { volumeName, path, key, optional }: FileKeySelector,
  readFile: ReadEnvironmentFile,
): Value {
  const file = readFile(volumeName, path);
  if (file.kind === 'failed') return file;
  const found = file.find(key);
  if (found.kind === 'invalid') return { kind: 'failed', message: "couldn't parse env file" };
  if (found.kind === 'value' && found.value !== '') return found;
  if (optional) return { kind: 'omitted' };
  return { kind: 'failed', message: `environment variable key "${key}" not found in file "${path}"` };
}

function fieldValue(pod: Pod, fieldPath: string, { nodeIPs, podIPs }: EnvironmentSources): Value {
  switch (fieldPath) {
    case 'spec.nodeName':
    case 'spec.host':
      return { kind: 'value', value: pod.spec.nodeName ?? '' };
    case 'spec.serviceAccountName':
      return { kind: 'value', value: pod.spec.serviceAccountName ?? '' };
    case 'status.hostIP':
      return { kind: 'value', value: nodeIPs[0] ?? '' };
    case 'status.hostIPs':
      return { kind: 'value', value: nodeIPs.join(',') };
    case 'status.podIP':
      return { kind: 'value', value: podIPs[0] ?? '' };
    case 'status.podIPs':
      return { kind: 'value', value: podIPs.join(',') };
    default:
      return fromOutcome(buildObjectField(fieldPath, pod));
  }
}

function fromOutcome(outcome: { kind: 'value'; value: string } | { kind: 'failed'; problem: string }): Value {
  return outcome.kind === 'value' ? outcome : { kind: 'failed', message: outcome.problem };
}

function keyValue(
  kind: 'ConfigMap' | 'Secret',
  reference: { readonly name?: string; readonly key: string; readonly optional?: boolean },
  lookUp: (name: string) => Readonly<Record<string, string>> | undefined,
  pod: Pod,
): Value {
  const name = reference.name ?? '';
  const values = lookUp(name);
  const value = values?.[reference.key];
  if (value !== undefined) return { kind: 'value', value };
  if (reference.optional) return { kind: 'omitted' };
  if (!values) return { kind: 'failed', message: `${kind.toLowerCase()} "${name}" not found` };
  return {
    kind: 'failed',
    message: `couldn't find key ${reference.key} in ${kind} ${podNamespace(pod)}/${name}`,
  };
}
