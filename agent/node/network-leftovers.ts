// What sandboxes leave on the pod network when the runtime forgets them without taking them off it, as when it is killed
// while it removes them: addresses, host ports and bandwidth limits. An old host port's rule hides the next pod's.
import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { NETWORK_NAME } from '../../cni/build-conflist.ts';
import { runCommand } from '../host/command.ts';
import { NotFoundError, UnavailableError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { listOldReservations, releaseReservation } from './ipam-reservations.ts';
import { type CachedAttachment, planDetach } from './plan-detach.ts';

/** Where libcni keeps its attachments, whatever the runtime. */
const RESULTS_DIR = '/var/lib/cni/results';
// A sandbox is listed only when it is complete; nothing takes so long.
const OLD_AFTER_MS = 300_000;

export interface NetworkLeftoversDeps {
  /** The sandboxes that the runtime has, whatever their state. */
  readonly listSandboxIds: (options: { readonly signal: AbortSignal }) => Promise<readonly string[]>;
  readonly cniBinDirs: readonly string[];
  readonly logger: Logger;
}

export async function releaseLeftovers(
  { listSandboxIds, cniBinDirs, logger }: NetworkLeftoversDeps,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const attachments = await listOldAttachments(Date.now());
  const reservations = await listOldReservations(Date.now());
  if (attachments.length + reservations.length === 0) return;
  const alive = new Set(await listSandboxIds({ signal }));
  for (const { path, attachment } of attachments.filter(one => !alive.has(one.attachment.containerId))) {
    const { containerId: sandboxId } = attachment;
    try {
      await detach(attachment, cniBinDirs, signal);
      await rm(path, { force: true });
      logger.info({ sandboxId }, 'a sandbox that is gone taken off the pod network');
    } catch (error) {
      if (signal.aborted) return;
      logger.warn(
        { err: error, sandboxId },
        'a sandbox that is gone is still on the pod network, trying again',
      );
      await utimes(path, new Date(), new Date()); // as if it were new: the next try is when it is old again
    }
  }
  for (const { address, containerId } of reservations.filter(one => !alive.has(one.containerId))) {
    await releaseReservation(address);
    logger.info({ address, sandboxId: containerId }, 'address of a sandbox that is gone released');
  }
}

interface OldAttachment {
  readonly path: string;
  readonly attachment: CachedAttachment;
}

async function listOldAttachments(nowMs: number): Promise<readonly OldAttachment[]> {
  const names = await readdir(RESULTS_DIR).catch(() => []); // not there before the first pod
  const found = await Promise.all(
    names
      .filter(name => name.startsWith(`${NETWORK_NAME}-`))
      .map(async name => {
        const path = join(RESULTS_DIR, name);
        try {
          if (nowMs - (await stat(path)).mtimeMs < OLD_AFTER_MS) return [];
          // libcni's own format; what it lacks shows as an error of the step that needs it.
          const attachment = JSON.parse(await readFile(path, 'utf8')) as CachedAttachment;
          return attachment.networkName === NETWORK_NAME ? [{ path, attachment }] : [];
        } catch {
          return []; // removed meanwhile, or half written by a runtime that was killed
        }
      }),
  );
  return found.flat();
}

async function detach(
  attachment: CachedAttachment,
  binDirs: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const { type, input, env } of planDetach(attachment, binDirs)) {
    const { exitCode, stdout } = await runPlugin(type, binDirs, { input, env, signal });
    // CNI spec: DEL succeeds when there is nothing left to undo.
    if (exitCode !== 0) throw new UnavailableError(`CNI plugin ${type}: ${stdout.trim()}`, { code: 'CNI' });
  }
}

async function runPlugin(
  type: string,
  binDirs: readonly string[],
  options: {
    readonly input: string;
    readonly env: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
) {
  for (const directory of binDirs) {
    try {
      return await runCommand(join(directory, type), [], options);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
  throw new UnavailableError(`CNI plugin ${type} is not installed`, { code: 'CNI' });
}
