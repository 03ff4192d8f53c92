// The credentials a pod's pull may use: its pull secrets, then the node's files, then the plugins.
import type { Pod } from '../api/objects.ts';
import type { Logger } from '../lib/logger.ts';
import type { ObjectStore, StoredObject } from '../volume/object-store.ts';
import type { CredentialPlugins } from './credential-plugins.ts';
import { parseDockerConfig, parseDockerConfigJson } from './docker-config.ts';
import { findCredentials } from './keyring.ts';
import { readNodeCredentials } from './node-credentials.ts';
import type { KeyringEntry, RegistryCredential } from './registry-credential.ts';

export interface PullCredentialsDeps {
  readonly secrets: Pick<ObjectStore, 'read'>;
  readonly plugins: CredentialPlugins;
  /** The kubelet's root directory: its config.json is the node's. */
  readonly rootDir: string;
  readonly logger: Logger;
}

export interface FoundCredentials {
  /** To be tried one after the other; none means anonymous. */
  readonly credentials: readonly RegistryCredential[];
  /** Pull secrets of the pod that are not there. */
  readonly missingSecrets: readonly string[];
}

export class PullCredentials {
  readonly #deps: PullCredentialsDeps;

  constructor(deps: PullCredentialsDeps) {
    this.#deps = deps;
  }

  async find(pod: Pod, repository: string, { signal }: { signal: AbortSignal }): Promise<FoundCredentials> {
    const { rootDir, plugins, logger } = this.#deps;
    const [ofPod, ofNode, ofPlugins] = await Promise.all([
      this.#readPullSecrets(pod, signal),
      readNodeCredentials(rootDir, logger),
      plugins.find(repository, { signal }),
    ]);
    const sources = [ofPod.entries, ofNode, ofPlugins];
    const credentials = sources.flatMap(entries => findCredentials(entries, repository));
    return { credentials, missingSecrets: ofPod.missingSecrets };
  }

  /** The pod's own, without those of the node: what a pod needs to use what others pulled. */
  async findOwn(
    pod: Pod,
    repository: string,
    { signal }: { signal: AbortSignal },
  ): Promise<readonly RegistryCredential[]> {
    const { entries } = await this.#readPullSecrets(pod, signal);
    return findCredentials(entries, repository);
  }

  async #readPullSecrets(
    { metadata, spec }: Pod,
    signal: AbortSignal,
  ): Promise<{ readonly entries: readonly KeyringEntry[]; readonly missingSecrets: readonly string[] }> {
    const { secrets } = this.#deps;
    const { uid = '', namespace = '' } = metadata;
    const names = (spec.imagePullSecrets ?? []).flatMap(({ name }) => name || []);
    const lookups = await Promise.all(
      names.map(async name => ({
        name,
        lookup: await secrets.read(uid, 'secrets', namespace, name, { signal }),
      })),
    );
    const entries: KeyringEntry[] = [];
    const missingSecrets: string[] = [];
    for (const { name, lookup } of lookups) {
      if (lookup.kind === 'present') entries.push(...this.#parse(lookup.object));
      else missingSecrets.push(name);
    }
    return { entries, missingSecrets };
  }

  #parse({ metadata, data = {}, type }: StoredObject): readonly KeyringEntry[] {
    const { namespace = '', name, uid = '' } = metadata;
    const source = { kind: 'secret', namespace, name, uid } as const;
    const isJson = type === 'kubernetes.io/dockerconfigjson';
    if (!isJson && type !== 'kubernetes.io/dockercfg') return [];
    const text = Buffer.from(data[isJson ? '.dockerconfigjson' : '.dockercfg'] ?? '', 'base64').toString(
      'utf8',
    );
    const outcome = isJson ? parseDockerConfigJson(text, source) : parseDockerConfig(text, source);
    if (outcome.kind === 'parsed') return outcome.entries;
    const fields = { secret: `${namespace}/${name}`, reason: outcome.problem };
    this.#deps.logger.warn(fields, 'image pull secret cannot be read');
    return [];
  }
}
