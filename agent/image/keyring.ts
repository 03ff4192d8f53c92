// Which credentials are for an image (pkg/credentialprovider keyring.go): host parts by shell pattern, paths by prefix,
// the longer name first; pure.
import { matchesGlob } from '../lib/glob.ts';
import type { KeyringEntry, RegistryCredential } from './registry-credential.ts';

const DEFAULT_REGISTRY = 'index.docker.io';

/** The credentials to try for a repository (an image name without tag and digest), in order. */
export function findCredentials(
  entries: readonly KeyringEntry[],
  repository: string,
): readonly RegistryCredential[] {
  const keyed = entries.map(entry => ({ key: cleanRegistry(entry.registry), entry }));
  const matching = keyed
    .filter(({ key }) => matchesRegistry(key, repository))
    .toSorted((a, b) => (a.key < b.key ? 1 : a.key > b.key ? -1 : 0))
    .map(({ entry }) => entry);
  if (matching.length > 0 || !isOfDefaultRegistry(repository)) return matching;
  return keyed.filter(({ key }) => key === DEFAULT_REGISTRY).map(({ entry }) => entry);
}

/** Whether a registry pattern (`*.example.com:5000/team`) covers a repository. */
export function matchesRegistry(pattern: string, repository: string): boolean {
  const [wanted, given] = [splitName(pattern), splitName(repository)];
  if (wanted.port !== given.port || wanted.hostParts.length !== given.hostParts.length) return false;
  if (!given.path.startsWith(wanted.path)) return false;
  return wanted.hostParts.every((part, index) => matchesGlob(part, given.hostParts[index] ?? ''));
}

// Docker's own files say `https://index.docker.io/v1/` and mean the host.
function cleanRegistry(registry: string): string {
  const [, host = '', path = ''] = /^(?:https?:\/\/)?([^/]*)(.*)$/.exec(registry) ?? [];
  const rest = path.replace(/^\/v[12](?=\/)/, '');
  return rest === '/' ? host : host + rest;
}

interface SplitName {
  readonly hostParts: readonly string[];
  readonly port: string;
  readonly path: string;
}

function splitName(name: string): SplitName {
  const slash = name.indexOf('/');
  const authority = slash < 0 ? name : name.slice(0, slash);
  const [, host = authority, port = ''] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
  return { hostParts: host.split('.'), port, path: slash < 0 ? '' : name.slice(slash) };
}

function isOfDefaultRegistry(repository: string): boolean {
  const [first = '', ...rest] = repository.split('/');
  if (first === '') return false;
  if (rest.length === 0 || first === 'docker.io' || first === DEFAULT_REGISTRY) return true;
  return !/[.:]/.test(first);
}
