// What a static pod's manifest has to be, and may not ask for: nothing of it passes an API server. Sentences for the
// person who wrote the file. Pure.

import { isRecord } from '../lib/is-record.ts';
import { isPodUID } from '../runtime/pod-uid.ts';
import { findShapeProblem } from './static-pod-shapes.ts';

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const NAME_MAX = 253;
const LABEL_MAX = 63;

type Json = Readonly<Record<string, unknown>>;

/** Why the manifest makes no pod; undefined when it does. */
export function findStaticPodProblem(manifest: unknown): string | undefined {
  if (!isRecord(manifest)) return 'expected one Pod object';
  if (manifest['kind'] !== 'Pod' || manifest['apiVersion'] !== 'v1') {
    return `expected apiVersion v1 and kind Pod, got ${String(manifest['apiVersion'])} and ${String(manifest['kind'])}`;
  }
  const { metadata, spec } = manifest;
  if (!isRecord(metadata) || typeof metadata['name'] !== 'string' || metadata['name'] === '') {
    return 'invalid pod: name is needed for the pod';
  }
  if (!isName(metadata['name']))
    return `metadata.name: ${metadata['name']} is no DNS subdomain in lower case`;
  const { namespace } = metadata;
  if (namespace !== undefined && (typeof namespace !== 'string' || !isLabel(namespace))) {
    return `metadata.namespace: ${JSON.stringify(namespace)} is no DNS label in lower case`;
  }
  const { uid } = metadata;
  // Empty is as good as none.
  if (typeof uid === 'string' && uid !== '' && !isPodUID(uid)) {
    return `metadata.uid: ${JSON.stringify(uid)} cannot be the name of the pod's directories`;
  }
  if (!isRecord(spec)) return 'spec: required';
  return (
    findContainersProblem(spec) ??
    findShapeProblem(metadata, spec) ??
    findVolumesProblem(spec) ??
    describeReference(findApiReference(spec))
  );
}

function findContainersProblem(spec: Json): string | undefined {
  if (!Array.isArray(spec['containers']) || spec['containers'].length === 0) {
    return 'spec.containers: at least one is required';
  }
  if (asList(spec['ephemeralContainers']).length > 0)
    return 'spec.ephemeralContainers: not allowed in a manifest';
  const names = new Set<unknown>();
  for (const field of ['initContainers', 'containers'] as const) {
    for (const [index, container] of asList(spec[field]).entries()) {
      const where = `spec.${field}[${index}]`;
      const name = isRecord(container) ? container['name'] : undefined;
      if (!isRecord(container) || typeof name !== 'string' || !isLabel(name)) {
        return `${where}.name: a DNS label in lower case is required`;
      }
      if (names.has(name)) return `${where}.name: ${name} is there twice`;
      names.add(name);
      if (typeof container['image'] !== 'string' || container['image'].trim() === '') {
        return `${where}.image: required`;
      }
      const problem = findMountProblem(container, spec, where);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function findMountProblem(container: Json, spec: Json, where: string): string | undefined {
  const volumes = new Set(asList(spec['volumes']).map(volume => (isRecord(volume) ? volume['name'] : '')));
  for (const mount of asList(container['volumeMounts'])) {
    if (!isRecord(mount) || typeof mount['mountPath'] !== 'string' || mount['mountPath'] === '') {
      return `${where}.volumeMounts: mountPath is required`;
    }
    if (!volumes.has(mount['name'])) {
      return `${where}.volumeMounts: there is no volume ${String(mount['name'])}`;
    }
  }
  return undefined;
}

function findVolumesProblem(spec: Json): string | undefined {
  const names = new Set<unknown>();
  for (const [index, volume] of asList(spec['volumes']).entries()) {
    const name = isRecord(volume) ? volume['name'] : undefined;
    if (typeof name !== 'string' || !isLabel(name)) {
      return `spec.volumes[${index}].name: a DNS label in lower case is required`;
    }
    if (names.has(name)) return `spec.volumes: ${name} is there twice`;
    names.add(name);
  }
  return undefined;
}

function describeReference(reference: string | undefined): string | undefined {
  return reference === undefined ? undefined : `static pods may not reference ${reference}`;
}

// A static pod runs without an API server, so nothing that only an API server has (PreventStaticPodAPIReferences).
function findApiReference(spec: Json): string | undefined {
  if (spec['serviceAccountName'] || spec['serviceAccount']) return 'serviceaccounts';
  if (asList(spec['imagePullSecrets']).length > 0) return 'secrets';
  const containers = [...asList(spec['initContainers']), ...asList(spec['containers'])].filter(isRecord);
  const references = containers.flatMap(container => [
    ...asList(container['envFrom']),
    ...asList(container['env']).map(variable => (isRecord(variable) ? variable['valueFrom'] : undefined)),
  ]);
  if (references.some(reference => hasKey(reference, 'secretRef', 'secretKeyRef'))) return 'secrets';
  if (references.some(reference => hasKey(reference, 'configMapRef', 'configMapKeyRef'))) return 'configmaps';
  if (asList(spec['resourceClaims']).length > 0) return 'resourceclaims';
  for (const volume of asList(spec['volumes'])) {
    const reference = findVolumeReference(volume);
    if (reference !== undefined) return reference;
  }
  return undefined;
}

const REFERENCING_VOLUMES: Readonly<Record<string, string>> = {
  configMap: 'configmaps (via configmap volumes)',
  secret: 'secrets (via secret volumes)',
  csi: 'csidrivers (via CSI volumes)',
  glusterfs: 'endpoints (via glusterFS volumes)',
  persistentVolumeClaim: 'persistentvolumeclaims',
  ephemeral: 'persistentvolumeclaims (via ephemeral volumes)',
  azureFile: 'secrets (via azureFile volumes)',
};

const REFERENCING_SOURCES: Readonly<Record<string, string>> = {
  configMap: 'configmaps (via projected volumes)',
  secret: 'secrets (via projected volumes)',
  serviceAccountToken: 'serviceaccounts (via projected volumes)',
  clusterTrustBundle: 'clustertrustbundles',
  podCertificate: 'podcertificates',
};

function findVolumeReference(volume: unknown): string | undefined {
  if (!isRecord(volume)) return undefined;
  const kind = Object.keys(REFERENCING_VOLUMES).find(key => hasKey(volume, key));
  if (kind !== undefined) return REFERENCING_VOLUMES[kind];
  const projected = volume['projected'];
  const sources = isRecord(projected) ? asList(projected['sources']) : [];
  const source = Object.keys(REFERENCING_SOURCES).find(key => sources.some(found => hasKey(found, key)));
  return source === undefined ? undefined : REFERENCING_SOURCES[source];
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function hasKey(value: unknown, ...keys: readonly string[]): boolean {
  return isRecord(value) && keys.some(key => value[key] !== undefined && value[key] !== null);
}

function isName(text: string): boolean {
  return text.length <= NAME_MAX && DNS_SUBDOMAIN.test(text);
}

function isLabel(text: string): boolean {
  return text.length <= LABEL_MAX && DNS_LABEL.test(text);
}
