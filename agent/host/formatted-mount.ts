// The file system on a block device: made if there is none, checked if there is one, then mounted. By the system's own
// programs, since a mount that replays a journal may take long.
import { mkdir } from 'node:fs/promises';
import { InvalidError } from '../lib/errors.ts';
import { type CommandResult, runCommand } from './command.ts';
import { mapped } from './errors.ts';
import { isMountPoint } from './mounts.ts';

export interface FormattedMountRequest {
  readonly device: string;
  readonly target: string;
  readonly fsType: string;
  readonly options: readonly string[];
  readonly isReadOnly: boolean;
}

const BLKID_NOTHING_FOUND = 2;
const FSCK_CORRECTED = 1; // fsck(8): a sum of bits, and 4 is an error that is still there
const FSCK_UNCORRECTED = 4;

export async function ensureFormattedMount(
  { device, target, fsType, options, isReadOnly }: FormattedMountRequest,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  await mapped(mkdir(target, { recursive: true, mode: 0o750 }));
  if (await isMountPoint(target)) return;
  const content = await probe(device, signal);
  if (content === undefined && isReadOnly) {
    throw new InvalidError(`${device} has no file system and is to be mounted read-only`, {
      code: 'NotFormatted',
    });
  }
  if (content === undefined) await format(device, fsType, signal);
  else if (!isReadOnly) await check(device, signal);
  const flags = [...options, isReadOnly ? 'ro' : 'defaults'].join(',');
  await run('mount', ['-t', fsType, '-o', flags, device, target], signal);
}

/** Gives a mount that is there options by their names in fstab(5), e.g. `noexec`. */
export async function ensureMountOptions(
  { target, options }: { readonly target: string; readonly options: readonly string[] },
  { signal }: { signal: AbortSignal },
): Promise<void> {
  await run('mount', ['-o', ['remount', 'bind', ...options].join(','), target], signal);
}

/** What the device holds, undefined for nothing: only then may it be formatted. */
async function probe(device: string, signal: AbortSignal): Promise<string | undefined> {
  const args = ['-p', '-s', 'TYPE', '-s', 'PTTYPE', '-o', 'export', device];
  const result = await runCommand('blkid', args, { signal });
  if (result.exitCode === BLKID_NOTHING_FOUND) return undefined;
  return expectSuccess('blkid', args, result).stdout;
}

async function format(device: string, fsType: string, signal: AbortSignal): Promise<void> {
  const isExt = fsType === 'ext3' || fsType === 'ext4';
  const args = isExt ? ['-F', '-m0', device] : fsType === 'xfs' ? ['-f', device] : [device];
  await run(`mkfs.${fsType}`, args, signal);
}

async function check(device: string, signal: AbortSignal): Promise<void> {
  const { exitCode, stdout } = await runCommand('fsck', ['-a', device], { signal });
  if (exitCode === 0 || exitCode === FSCK_CORRECTED) return;
  if (exitCode !== FSCK_UNCORRECTED) return; // fsck could not run; the mount will tell whether that matters
  const text = `'fsck' found errors on device ${device} but could not correct them: ${stdout.trim()}`;
  throw new InvalidError(text, { code: 'DamagedFileSystem' });
}

async function run(program: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  expectSuccess(program, args, await runCommand(program, args, { signal }));
}

function expectSuccess(program: string, args: readonly string[], result: CommandResult): CommandResult {
  const { exitCode, stderr, stdout } = result;
  if (exitCode === 0) return result;
  const said = stderr.trim() || stdout.trim();
  throw new InvalidError(`${program} ${args.join(' ')}: exit status ${exitCode ?? 'unknown'}: ${said}`, {
    code: 'CommandFailed',
  });
}
