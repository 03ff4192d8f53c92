// The ConfigMaps and Secrets an environment refers to, read through the node's object store.

import type { Container, Pod } from '../api/objects.ts';
import type { ObjectKind, ObjectStore, StoredObject } from '../volume/object-store.ts';
import { podNamespace, podUID } from './naming.ts';

type LookUp = (name: string) => Readonly<Record<string, string>> | undefined;

export async function readConfigMap(
  store: ObjectStore,
  pod: Pod,
  container: Container,
  signal: AbortSignal,
): Promise<LookUp> {
  const names = new Set<string>();
  for (const { configMapRef } of container.envFrom ?? [])
    if (configMapRef?.name) names.add(configMapRef.name);
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.configMapKeyRef?.name) names.add(valueFrom.configMapKeyRef.name);
  }
  const objects = await readAll(store, pod, 'configmaps', names, signal);
  return name => objects.get(name)?.data ?? (objects.has(name) ? {} : undefined);
}

export async function readSecret(
  store: ObjectStore,
  pod: Pod,
  container: Container,
  signal: AbortSignal,
): Promise<LookUp> {
  const names = new Set<string>();
  for (const { secretRef } of container.envFrom ?? []) if (secretRef?.name) names.add(secretRef.name);
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.secretKeyRef?.name) names.add(valueFrom.secretKeyRef.name);
  }
  const objects = await readAll(store, pod, 'secrets', names, signal);
  return name => decode(objects.get(name));
}

function decode(object: StoredObject | undefined): Readonly<Record<string, string>> | undefined {
  if (!object) return undefined;
  const entries = Object.entries(object.data ?? {});
  return Object.fromEntries(
    entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}

async function readAll(
  store: ObjectStore,
  pod: Pod,
  kind: ObjectKind,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StoredObject>> {
  const namespace = podNamespace(pod);
  const found = new Map<string, StoredObject>();
  await Promise.all(
    [...names].map(async name => {
      const lookup = await store.read(podUID(pod), kind, namespace, name, { signal });
      if (lookup.kind === 'present') found.set(name, lookup.object);
      if (lookup.kind === 'unknown') {
        const cache = kind === 'configmaps' ? 'configmap' : 'secret';
        throw new Error(`failed to sync ${cache} cache: the API server has not answered yet`);
      }
    }),
  );
  return found;
}
