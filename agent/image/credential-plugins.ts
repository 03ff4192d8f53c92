// Programs that know a registry's credentials (kubelet credential provider, credentialprovider.kubelet.k8s.io/v1): one
// JSON request on stdin, one answer on stdout, kept as long as the answer says.
import { access, constants, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Config } from '../config/config.ts';
import { runCommand } from '../host/command.ts';
import { settledOrAborted } from '../lib/abort.ts';
import type { Clock } from '../lib/clock.ts';
import { parseDuration } from '../lib/duration.ts';
import { errorMessage, InvalidError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { matchesRegistry } from './keyring.ts';
import type { KeyringEntry } from './registry-credential.ts';

export interface CredentialProvider {
  /** Name of the program in the directory for them. */
  readonly name: string;
  readonly matchImages: readonly string[];
  readonly defaultCacheMs: number;
  readonly apiVersion: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface Answer {
  readonly apiVersion?: string;
  readonly cacheKeyType?: string;
  readonly cacheDuration?: string;
  readonly auth?: Readonly<Record<string, { readonly username?: string; readonly password?: string }>>;
}

interface Kept {
  readonly entries: readonly KeyringEntry[];
  readonly expiresAtMs: number;
}

type PluginsConfig = Pick<Config['images'], 'credentialProviderConfig' | 'credentialProviderBinDir'>;

export interface CredentialPluginsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
}

const RUN_TIMEOUT_MS = 60_000;
const API_VERSION = /^credentialprovider\.kubelet\.k8s\.io\/v1(?:alpha1|beta1)?$/;
const CONFIG_FILE = /\.(?:json|ya?ml)$/;
const NODE = { kind: 'node' } as const;

export class CredentialPlugins {
  readonly #providers: readonly CredentialProvider[];
  readonly #binDir: string;
  readonly #deps: CredentialPluginsDeps;
  readonly #kept = new Map<string, Kept>();
  /** By program and image: asked once for all who ask meanwhile. */
  readonly #running = new Map<string, Promise<readonly KeyringEntry[]>>();

  private constructor(providers: readonly CredentialProvider[], binDir: string, deps: CredentialPluginsDeps) {
    this.#providers = providers;
    this.#binDir = binDir;
    this.#deps = deps;
  }

  /** Throws InvalidError for what cannot work: a pull that fails for it weeks later would be hard to understand. */
  static async load(
    { credentialProviderConfig: configPath, credentialProviderBinDir: binDir }: PluginsConfig,
    deps: CredentialPluginsDeps,
  ): Promise<CredentialPlugins> {
    if (configPath === undefined || binDir === undefined) return new CredentialPlugins([], '', deps);
    const providers: CredentialProvider[] = [];
    for (const path of await listConfigFiles(configPath)) {
      for (const provider of parseCredentialProviders(await readFile(path, 'utf8'), path)) {
        if (providers.some(({ name }) => name === provider.name)) {
          throw invalid(path, `provider ${provider.name} is there twice`);
        }
        const program = join(binDir, provider.name);
        await access(program, constants.X_OK).catch((error: unknown) => {
          throw invalid(path, `program ${program} cannot be run: ${errorMessage(error)}`);
        });
        providers.push(provider);
      }
    }
    return new CredentialPlugins(providers, binDir, deps);
  }

  /** What the programs for this repository say; one that fails is logged and gives nothing. */
  async find(repository: string, { signal }: { signal: AbortSignal }): Promise<readonly KeyringEntry[]> {
    const matching = this.#providers.filter(({ matchImages }) =>
      matchImages.some(pattern => matchesRegistry(pattern, repository)),
    );
    const found = await Promise.all(matching.map(provider => this.#findOne(provider, repository, signal)));
    return found.flat();
  }

  async #findOne(
    provider: CredentialProvider,
    repository: string,
    signal: AbortSignal,
  ): Promise<readonly KeyringEntry[]> {
    const kept = this.#keptFor(provider, repository);
    if (kept) return kept;
    const key = `${provider.name} ${repository}`;
    const running = this.#running.get(key) ?? this.#startAsking(key, provider, repository);
    try {
      // A pod that is deleted meanwhile does not wait for a program that hangs.
      await settledOrAborted(running, signal);
      signal.throwIfAborted();
      return await running;
    } catch (error) {
      signal.throwIfAborted();
      this.#deps.logger.warn(
        { plugin: provider.name, image: repository, err: error },
        'credential plugin failed',
      );
      return [];
    }
  }

  #startAsking(
    key: string,
    provider: CredentialProvider,
    repository: string,
  ): Promise<readonly KeyringEntry[]> {
    const running = this.#ask(provider, repository).finally(() => this.#running.delete(key));
    running.catch(() => undefined); // who asked sees it; nobody may be left to
    this.#running.set(key, running);
    return running;
  }

  #keptFor(provider: CredentialProvider, repository: string): readonly KeyringEntry[] | undefined {
    const nowMs = this.#deps.clock.nowMs();
    for (const [key, { expiresAtMs }] of this.#kept) if (expiresAtMs <= nowMs) this.#kept.delete(key);
    const keys = ['Image', 'Registry', 'Global'].map(type => keptKey(provider.name, type, repository));
    return keys.map(key => this.#kept.get(key)?.entries).find(entries => entries !== undefined);
  }

  async #ask(provider: CredentialProvider, repository: string): Promise<readonly KeyringEntry[]> {
    const { name, args, env, apiVersion } = provider;
    const input = JSON.stringify({ kind: 'CredentialProviderRequest', apiVersion, image: repository });
    const signal = AbortSignal.timeout(RUN_TIMEOUT_MS); // not the asker's: others may be waiting for the answer too
    const { exitCode, stdout, stderr } = await runCommand(join(this.#binDir, name), args, {
      input,
      env,
      signal,
    });
    if (exitCode !== 0)
      throw new InvalidError(`exit status ${exitCode ?? 'unknown'}: ${stderr.trim()}`, {
        code: 'PluginFailed',
      });
    const answer = parseAnswer(stdout, apiVersion);
    const entries = Object.entries(answer.auth ?? {}).map(([registry, { username = '', password = '' }]) => ({
      registry,
      username,
      password,
      source: NODE,
    }));
    const keepMs =
      answer.cacheDuration === undefined
        ? provider.defaultCacheMs
        : (parseDuration(answer.cacheDuration) ?? 0);
    if (keepMs > 0) {
      const key = keptKey(name, answer.cacheKeyType ?? '', repository);
      this.#kept.set(key, { entries, expiresAtMs: this.#deps.clock.nowMs() + keepMs });
    }
    return entries;
  }
}

function keptKey(name: string, type: string, repository: string): string {
  const what = type === 'Image' ? repository : type === 'Registry' ? repository.split('/')[0] : '';
  return JSON.stringify([name, type, what]);
}

// The answer's text stays out of every message: it holds passwords.
function parseAnswer(text: string, apiVersion: string): Answer {
  const answer = parseJson(text);
  if (!answer) throw new InvalidError('its answer is no JSON object', { code: 'PluginFailed' });
  if (answer.apiVersion !== apiVersion) {
    throw new InvalidError(`its answer has apiVersion ${answer.apiVersion}, not ${apiVersion}`, {
      code: 'PluginFailed',
    });
  }
  if (!['Image', 'Registry', 'Global'].includes(answer.cacheKeyType ?? '')) {
    throw new InvalidError(`its answer has cacheKeyType ${answer.cacheKeyType}`, { code: 'PluginFailed' });
  }
  return answer;
}

function parseJson(text: string): Answer | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null ? answer : undefined; // its fields are checked by the reader
  } catch {
    return undefined;
  }
}

async function listConfigFiles(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch((error: unknown) => {
    throw invalid(path, errorMessage(error));
  });
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter(name => CONFIG_FILE.test(name));
  return names.sort().map(name => join(path, name));
}

interface RawProvider {
  readonly name?: unknown;
  readonly matchImages?: readonly string[];
  readonly defaultCacheDuration?: string;
  readonly apiVersion?: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly tokenAttributes?: unknown;
}

/** The providers of a CredentialProviderConfig. */
export function parseCredentialProviders(text: string, path: string): readonly CredentialProvider[] {
  const document: unknown = parse(text);
  const { kind, providers } = (document ?? {}) as { kind?: string; providers?: readonly RawProvider[] }; // checked below
  if (kind !== 'CredentialProviderConfig')
    throw invalid(path, `expected kind CredentialProviderConfig, got ${kind}`);
  return (providers ?? []).map(provider => parseProvider(provider, path));
}

function parseProvider(raw: RawProvider, path: string): CredentialProvider {
  const { name, matchImages = [], defaultCacheDuration = '0s', apiVersion = '', args = [], env = [] } = raw;
  if (typeof name !== 'string' || !/^[^/\s]+$/.test(name) || name === '.' || name === '..') {
    throw invalid(path, `provider name ${JSON.stringify(name)} is not the name of a program`);
  }
  if (matchImages.length === 0) throw invalid(path, `provider ${name} has no matchImages`);
  if (!API_VERSION.test(apiVersion)) throw invalid(path, `provider ${name} has apiVersion ${apiVersion}`);
  const defaultCacheMs = parseDuration(defaultCacheDuration);
  if (defaultCacheMs === undefined)
    throw invalid(path, `provider ${name} has defaultCacheDuration ${defaultCacheDuration}`);
  if (raw.tokenAttributes !== undefined) {
    throw invalid(
      path,
      `provider ${name} has tokenAttributes: service account tokens are not given to plugins yet`,
    );
  }
  return {
    name,
    matchImages,
    defaultCacheMs,
    apiVersion,
    args,
    env: Object.fromEntries(env.map(variable => [variable.name, variable.value ?? ''])),
  };
}

function invalid(path: string, problem: string): InvalidError {
  return new InvalidError(`credential providers: ${path}: ${problem}`, {
    code: 'InvalidCredentialProviders',
  });
}
