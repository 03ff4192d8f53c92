// NFS, mounted by the system's own helper: only that knows how to talk to the server.
import { mkdir, rmdir } from 'node:fs/promises';
import { runCommand } from '../host/command.ts';
import { listMounts } from '../host/mount-info.ts';
import { NotFoundError } from '../lib/errors.ts';
import { DIRECTORY_MODE, lastingVolumeDirectory } from './pod-directories.ts';
import type { FailedVolume, VolumeOutcome } from './prepared-volume.ts';
import type { NfsSource } from './volume-source.ts';

export interface NfsRequest {
  readonly rootDir: string;
  readonly podUID: string;
  readonly directoryName: string;
  readonly nfs: NfsSource;
  readonly isReadOnly: boolean;
  /** Mount options beside `ro`. */
  readonly options: readonly string[];
}

// A server that does not answer must not hold the pod's other volumes up for ever.
const MOUNT_TIMEOUT_MS = 60_000;

export async function ensureNfsVolume(
  { rootDir, podUID, directoryName, nfs, isReadOnly, options }: NfsRequest,
  { signal }: { signal: AbortSignal },
): Promise<VolumeOutcome> {
  const directory = lastingVolumeDirectory(rootDir, podUID, 'nfs', directoryName);
  const volume = {
    kind: 'mount',
    directoryName,
    hostPath: directory,
    isReadOnly,
    needsSELinuxRelabel: false,
  } as const;
  await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  // From the kernel's list: a look at the directory itself would wait for a server that is away.
  if ((await listMounts()).some(({ target }) => target === directory)) return { kind: 'ready', volume };
  const server = nfs.server.includes(':') ? `[${nfs.server}]` : nfs.server;
  const flags = [...options, ...(isReadOnly ? ['ro'] : [])];
  const args = [
    '-t',
    'nfs',
    ...(flags.length > 0 ? ['-o', flags.join(',')] : []),
    `${server}:${nfs.path}`,
    directory,
  ];
  const problem = await mountProblem(args, AbortSignal.any([signal, AbortSignal.timeout(MOUNT_TIMEOUT_MS)]));
  if (problem === undefined) return { kind: 'ready', volume };
  signal.throwIfAborted();
  await rmdir(directory).catch(() => undefined); // the next try or the teardown finds it
  return { kind: 'failed', problem, specName: directoryName } satisfies FailedVolume;
}

async function mountProblem(args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  try {
    const { exitCode, stderr } = await runCommand('mount', args, { signal });
    if (exitCode === 0) return undefined;
    return `mount failed: exit status ${exitCode ?? 'unknown'}: mount ${args.join(' ')}: ${stderr.trim()}`;
  } catch (error) {
    if (error instanceof NotFoundError) return 'mount is not installed on this node';
    if (signal.aborted) return `mount ${args.join(' ')} took longer than ${MOUNT_TIMEOUT_MS / 1000} s`;
    throw error;
  }
}
