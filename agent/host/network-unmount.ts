// Unmounts file systems whose server may be away: by the system's own program, because the call itself can wait for the
// server for ever, and everything else with it.
import { errorMessage, UnavailableError } from '../lib/errors.ts';
import { runCommand } from './command.ts';

const PATIENCE_MS = 10_000;

/** Whether what is mounted belongs to a server elsewhere. */
export function isNetworkFileSystem(fsType: string): boolean {
  return /^(?:nfs4?|cifs|smb3|ceph|glusterfs|fuse\..+)$/.test(fsType);
}

/** Asks politely, then by force (umount(8) -f, which gives up what the server has not answered). */
export async function unmountNetworkFileSystem(
  target: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const problems: string[] = [];
  for (const flags of [['-c'], ['-c', '-f']]) {
    const problem = await tryUnmount([...flags, target], signal);
    if (problem === undefined) return;
    problems.push(problem);
  }
  throw new UnavailableError(`unmount ${target}: ${[...new Set(problems)].join('; ')}`, { code: 'EBUSY' });
}

async function tryUnmount(args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    const { exitCode, stderr } = await runCommand('umount', args, { signal: bounded });
    return exitCode === 0 ? undefined : stderr.trim();
  } catch (error) {
    signal.throwIfAborted();
    return bounded.aborted ? `no answer within ${PATIENCE_MS / 1000} s` : errorMessage(error);
  }
}
