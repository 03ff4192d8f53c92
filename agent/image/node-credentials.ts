// The node's own registry credentials: Docker's files, where the kubelet looks for them.
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemErrorCode } from '../host/errors.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type DockerConfigOutcome, parseDockerConfig, parseDockerConfigJson } from './docker-config.ts';
import type { KeyringEntry } from './registry-credential.ts';

const NODE = { kind: 'node' } as const;

/** Read for each pull: a person who logs in to a registry need not restart anything. */
export async function readNodeCredentials(rootDir: string, logger: Logger): Promise<readonly KeyringEntry[]> {
  const [home, here] = [homedir(), process.cwd()];
  const directories = [rootDir, here, join(home, '.docker'), '/.docker'];
  const oldDirectories = [rootDir, here, home, '/'];
  const files = [
    ...directories.map(directory => ({ path: join(directory, 'config.json'), parse: parseDockerConfigJson })),
    ...oldDirectories.map(directory => ({ path: join(directory, '.dockercfg'), parse: parseDockerConfig })),
  ];
  for (const { path, parse } of files) {
    const outcome = await readOne(path, text => parse(text, NODE));
    if (outcome?.kind === 'parsed') return outcome.entries; // the first file that can be read is the node's
    if (outcome)
      logger.warn({ path, reason: outcome.problem }, 'registry credentials of the node cannot be read');
  }
  return [];
}

async function readOne(
  path: string,
  parse: (text: string) => DockerConfigOutcome,
): Promise<DockerConfigOutcome | undefined> {
  try {
    return parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    return { kind: 'invalid', problem: errorMessage(error) };
  }
}
