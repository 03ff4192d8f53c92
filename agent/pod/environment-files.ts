// The files that an environment takes values from, in volumes of the pod that an earlier container wrote.

import { readFile } from 'node:fs/promises';
import type { Container } from '../api/objects.ts';
import { descriptorPath, openBelow, resolveBelow } from '../host/open-below.ts';
import type { Logger } from '../lib/logger.ts';
import type { PreparedVolume } from '../volume/prepared-volume.ts';
import { type EnvFileValue, parseEnvFile } from './env-file.ts';

export type EnvironmentFile =
  /** Parsed once, however many variables are taken from it. */
  | { readonly kind: 'parsed'; readonly find: (key: string) => EnvFileValue }
  | { readonly kind: 'failed'; readonly message: string };

export type ReadEnvironmentFile = (volumeName: string, path: string) => EnvironmentFile;

const MAX_BYTES = 1 << 20; // more than fits into an environment

/** Reads all that the container refers to; no link in a volume leads out of it. */
export async function readEnvironmentFiles(
  container: Container,
  volumes: ReadonlyMap<string, PreparedVolume>,
  logger: Logger,
): Promise<ReadEnvironmentFile> {
  const files = new Map<string, EnvironmentFile>();
  for (const { valueFrom } of container.env ?? []) {
    if (!valueFrom?.fileKeyRef) continue;
    const { volumeName, path } = valueFrom.fileKeyRef;
    const key = keyOf(volumeName, path);
    if (!files.has(key)) files.set(key, await readOne(volumes.get(volumeName), volumeName, path, logger));
  }
  return (volumeName, path) => files.get(keyOf(volumeName, path)) ?? NOT_READ;
}

const NOT_READ: EnvironmentFile = { kind: 'failed', message: "couldn't parse env file" };

async function readOne(
  volume: PreparedVolume | undefined,
  volumeName: string,
  path: string,
  logger: Logger,
): Promise<EnvironmentFile> {
  if (volume?.kind !== 'mount') {
    return { kind: 'failed', message: `cannot find the volume "${volumeName}" referenced by FileKeyRef` };
  }
  try {
    await using file = await openBelow(await resolveBelow(volume.hostPath, path));
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > MAX_BYTES) return NOT_READ;
    return { kind: 'parsed', find: parseEnvFile(await readFile(descriptorPath(file), 'utf8')) };
  } catch (error) {
    logger.warn({ volume: volumeName, path, err: error }, 'environment file cannot be read');
    return NOT_READ;
  }
}

function keyOf(volumeName: string, path: string): string {
  return `${volumeName}/${path}`;
}
