// Makes sure that our Node object exists (kubelet: registerWithAPIServer).
import type { ApiClient } from '../api/client.ts';
import type { Node } from '../api/objects.ts';
import { nodePath, nodeStatusPath, nodesPath } from '../api/paths.ts';
import { Backoff } from '../lib/backoff.ts';
import { AlreadyExistsError, NotFoundError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { OutageLog } from '../lib/outage-log.ts';
import { sleep } from '../lib/sleep.ts';
import { planMetadataPatch, type RegistrationConfig } from './build-node.ts';

export interface RegistrationDeps {
  readonly api: ApiClient;
  readonly config: RegistrationConfig & { readonly register: boolean };
  readonly architecture: string;
  /** The object to create; asked for at every attempt, so its status is fresh. */
  readonly buildNode: () => Node;
  readonly logger: Logger;
}

export interface Registered {
  readonly node: Node;
  readonly isNew: boolean;
}

const REQUEST_TIMEOUT_MS = 10_000;

/** Tries until it succeeds (100 ms to 7 s between tries, as the kubelet); undefined only when the signal aborts. */
export async function ensureRegistered(
  deps: RegistrationDeps,
  { signal }: { signal: AbortSignal },
): Promise<Registered | undefined> {
  const backoff = new Backoff({ initialMs: 100, maxMs: 7_000 });
  const outage = new OutageLog(deps.logger, 'node registration');
  while (!signal.aborted) {
    try {
      const registered = await tryRegister(deps, signal);
      outage.succeeded();
      deps.logger.info({ node: deps.config.name, isNew: registered.isNew }, 'node is registered');
      return registered;
    } catch (error) {
      if (signal.aborted) return undefined;
      // Somebody created it between our look and our try: the next look finds it.
      if (!(error instanceof AlreadyExistsError)) outage.failed(error);
      await sleep(backoff.nextMs(), { signal });
    }
  }
  return undefined;
}

async function tryRegister(deps: RegistrationDeps, signal: AbortSignal): Promise<Registered> {
  const options = { signal, timeoutMs: REQUEST_TIMEOUT_MS };
  const present = await findNode(deps, options);
  if (present) return { node: await reconcile(present, deps, options), isNew: false };
  return { node: await deps.api.create<Node>(nodesPath, deps.buildNode(), options), isNew: true };
}

interface Options {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

async function findNode(deps: RegistrationDeps, options: Options): Promise<Node | undefined> {
  try {
    return await deps.api.get<Node>(nodePath(deps.config.name), options);
  } catch (error) {
    // With registration off somebody else creates the Node, and we wait for it.
    if (error instanceof NotFoundError && deps.config.register) return undefined;
    throw error;
  }
}

// Through the status subresource, where metadata may ride along: it is what node authorisation grants anyway.
function reconcile(present: Node, deps: RegistrationDeps, options: Options): Promise<Node> {
  const patch = planMetadataPatch(present, deps.config, deps.architecture);
  if (!patch) return Promise.resolve(present);
  return deps.api.patch<Node>(nodeStatusPath(deps.config.name), patch, { ...options, type: 'strategic' });
}
