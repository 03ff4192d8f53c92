import type { ApiClient } from '../api/client.ts';
import type { KubeObject, Pod } from '../api/objects.ts';
import { runtimeClassPath } from '../api/paths.ts';
import { errorMessage, NotFoundError } from '../lib/errors.ts';

interface RuntimeClass extends KubeObject {
  readonly handler: string;
}

/** Which of the runtime's handlers a pod runs with. Asked anew for each sandbox: few pods name a class at all. */
export class RuntimeClasses {
  readonly #client: ApiClient;

  constructor({ client }: { readonly client: ApiClient }) {
    this.#client = client;
  }

  /** Empty is the runtime's default handler; throws when the class cannot be read. */
  async handlerOf(pod: Pod, { signal }: { readonly signal: AbortSignal }): Promise<string> {
    const name = pod.spec.runtimeClassName ?? '';
    if (name === '') return '';
    try {
      return (await this.#client.get<RuntimeClass>(runtimeClassPath(name), { signal })).handler;
    } catch (error) {
      if (error instanceof NotFoundError) throw error;
      throw new Error(`failed to lookup RuntimeClass ${name}: ${errorMessage(error)}`, { cause: error });
    }
  }
}
