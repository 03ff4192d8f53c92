// Which files the configuration is made of, and their text.

import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { errorMessage } from '../lib/errors.ts';
import { isMissing } from '../lib/if-there.ts';
import type { ConfigFile } from './document.ts';
import type { Problem } from './origin.ts';

/** Read when it is there and no --config is given. */
export const DEFAULT_CONFIG_PATH = '/etc/nodelet/config.yaml';

export interface SourcePaths {
  readonly configPath: string | undefined;
  readonly configDir: string | undefined;
  readonly workingDir: string;
}

export interface Sources {
  /** Lowest layer first: the file, then the drop-ins in lexical order. */
  readonly files: readonly ConfigFile[];
  readonly problems: readonly Problem[];
}

/** Reads the configuration file and the `*.conf` drop-ins below the directory. */
export async function readSources({ configPath, configDir, workingDir }: SourcePaths): Promise<Sources> {
  const files: ConfigFile[] = [];
  const problems: Problem[] = [];
  const add = async (path: string, options: { readonly isOptional: boolean }): Promise<void> => {
    try {
      files.push({ path, text: await readFile(path, 'utf8') });
    } catch (error) {
      if (!(options.isOptional && isMissing(error))) problems.push(unreadable(path, error));
    }
  };
  if (configPath === undefined) await add(DEFAULT_CONFIG_PATH, { isOptional: true });
  else await add(resolve(workingDir, configPath), { isOptional: false });
  if (configDir !== undefined) {
    const directory = resolve(workingDir, configDir);
    try {
      for (const path of await listDropIns(directory)) await add(path, { isOptional: false });
    } catch (error) {
      problems.push(unreadable(directory, error));
    }
  }
  return { files, problems };
}

async function listDropIns(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter(entry => !entry.isDirectory() && entry.name.endsWith('.conf'))
    .map(entry => join(entry.parentPath, entry.name))
    .sort();
}

function unreadable(path: string, error: unknown): Problem {
  const reason = isMissing(error) ? 'no such file or directory' : errorMessage(error);
  return { path: '', message: `cannot read ${path}: ${reason}` };
}
