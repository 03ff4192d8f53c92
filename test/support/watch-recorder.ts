import type { ApiClient } from '../../agent/api/client.ts';
import type { KubeObject } from '../../agent/api/objects.ts';
import { watchObjects } from '../../agent/api/watch.ts';
import { createSilentLogger, type Logger } from '../../agent/lib/logger.ts';
import { waitFor } from './wait-for.ts';

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Follows the ConfigMaps of the default namespace and remembers what it saw, as a consumer would. */
export class WatchRecorder {
  readonly objects = new Map<string, ConfigMap>();
  /** How many complete lists were seen. */
  lists = 0;
  readonly #running: Promise<void>;
  readonly #abort = new AbortController();

  constructor(client: ApiClient, logger: Logger = createSilentLogger()) {
    this.#running = this.#follow(client, logger);
  }

  async untilSynced(): Promise<void> {
    await waitFor('the first list', () => this.lists > 0);
  }

  async untilSeen(name: string, value: string, timeoutMs = 45_000): Promise<void> {
    await waitFor(`${name}=${value}`, () => this.objects.get(name)?.data?.['value'] === value, {
      deadlineMs: timeoutMs,
    });
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #follow(client: ApiClient, logger: Logger): Promise<void> {
    const options = { path: '/api/v1/namespaces/default/configmaps', signal: this.#abort.signal, logger };
    for await (const event of watchObjects<ConfigMap>(client, options)) {
      switch (event.kind) {
        case 'synced':
          this.lists += 1;
          this.objects.clear();
          for (const object of event.objects) this.objects.set(object.metadata.name, object);
          break;
        case 'upserted':
          this.objects.set(event.object.metadata.name, event.object);
          break;
        case 'deleted':
          this.objects.delete(event.object.metadata.name);
          break;
      }
    }
  }
}

const TIMEOUT_MS = 30_000;

/** Creates or changes a ConfigMap of the default namespace; returns the time it took, milliseconds. */
export async function writeConfigMap(client: ApiClient, name: string, value: string): Promise<number> {
  const startedMs = performance.now();
  const { signal } = new AbortController();
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } };
  const query = { fieldManager: 'test', force: 'true' };
  const path = `/api/v1/namespaces/default/configmaps/${name}`;
  await client.patch(path, body, { signal, type: 'apply', query, timeoutMs: TIMEOUT_MS });
  return performance.now() - startedMs;
}
