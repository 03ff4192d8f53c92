// The two forms of Docker's registry credentials, in Secrets and in files; pure.
import type { CredentialSource, KeyringEntry } from './registry-credential.ts';

export type DockerConfigOutcome =
  | { readonly kind: 'parsed'; readonly entries: readonly KeyringEntry[] }
  | { readonly kind: 'invalid'; readonly problem: string };

/** `config.json`, and `.dockerconfigjson` of a Secret: the registries under `auths`. */
export function parseDockerConfigJson(text: string, source: CredentialSource): DockerConfigOutcome {
  const config = parseObject(text);
  if (!config) return { kind: 'invalid', problem: 'not a JSON object' };
  return readRegistries(asObject(config['auths']) ?? {}, source);
}

/** `.dockercfg`: the registries at the top. */
export function parseDockerConfig(text: string, source: CredentialSource): DockerConfigOutcome {
  const config = parseObject(text);
  if (!config) return { kind: 'invalid', problem: 'not a JSON object' };
  return readRegistries(config, source);
}

function readRegistries(
  registries: Readonly<Record<string, unknown>>,
  source: CredentialSource,
): DockerConfigOutcome {
  const entries: KeyringEntry[] = [];
  for (const [registry, value] of Object.entries(registries)) {
    const { auth, username, password } = asObject(value) ?? {};
    const decoded = typeof auth === 'string' && auth !== '' ? decodeAuth(auth) : undefined;
    // The text of a credential stays out of every message.
    if (decoded === 'invalid')
      return { kind: 'invalid', problem: `auth of ${registry} is not base64 of user:password` };
    const user = decoded?.username ?? asText(username);
    entries.push({ registry, username: user, password: decoded?.password ?? asText(password), source });
  }
  return { kind: 'parsed', entries };
}

function decodeAuth(auth: string): { readonly username: string; readonly password: string } | 'invalid' {
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? 'invalid' : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined; // the caller names the place
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Readonly<Record<string, unknown>>) : undefined; // just checked
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
