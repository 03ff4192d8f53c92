import { readFile } from 'node:fs/promises';

/** The cgroup this process runs in, from the mounts' root; undefined in the root itself, which is everybody's. */
export async function readOwnCgroup(version: 1 | 2): Promise<string | undefined> {
  return parseOwnCgroup(await readFile('/proc/self/cgroup', 'utf8'), version);
}

/** `hierarchy:controllers:path` per line, the unified hierarchy without controllers; cgroups(7). */
export function parseOwnCgroup(text: string, version: 1 | 2): string | undefined {
  const paths = new Map<string, string>();
  for (const [, controllers = '', path = ''] of text.matchAll(/^\d+:([^:]*):(.*)$/gm)) {
    for (const controller of controllers.split(',')) paths.set(controller, path);
  }
  // On version 1 the hierarchies need not agree, and then there is no one cgroup to tell of.
  const [path, other] = version === 2 ? [paths.get('')] : [paths.get('memory'), paths.get('cpuacct')];
  return path === '/' || (version === 1 && path !== other) ? undefined : path;
}
