// `authentication.x509.clientCAFile`: whose certificates make a user.

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { watchDirectory } from '../host/watch-directory.ts';
import { InvalidError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';

export class AuthorityFile {
  readonly #path: string;
  readonly #logger: Logger;
  #current: string;

  private constructor(path: string, current: string, logger: Logger) {
    this.#path = path;
    this.#current = current;
    this.#logger = logger;
  }

  /** Throws InvalidError when it holds no certificate: then nobody could ever be known by one. */
  static async open(path: string, logger: Logger): Promise<AuthorityFile> {
    return new AuthorityFile(path, await readAuthority(path), logger);
  }

  current(): string {
    return this.#current;
  }

  /** Follows the file until the signal aborts. */
  async run(onChange: () => void, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    for await (const _ of watchDirectory(dirname(this.#path), { signal })) {
      try {
        const next = await readAuthority(this.#path);
        if (next === this.#current) continue;
        this.#current = next;
        this.#logger.info({ clientCAFile: this.#path }, 'client authority changed');
        onChange();
      } catch (error) {
        this.#logger.debug({ err: error }, 'client authority cannot be read now; the last one stays');
      }
    }
  }
}

async function readAuthority(path: string): Promise<string> {
  try {
    const text = await readFile(path, 'utf8');
    return new X509Certificate(text).raw.length > 0 ? text : '';
  } catch (error) {
    const message = `clientCAFile ${path} holds no certificate`;
    throw new InvalidError(message, { code: 'BadClientAuthority', cause: error });
  }
}
