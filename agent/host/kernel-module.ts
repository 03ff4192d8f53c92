import { access } from 'node:fs/promises';
import { errorMessage, NotFoundError } from '../lib/errors.ts';
import { type CommandResult, runCommand } from './command.ts';

export type KernelModuleOutcome =
  | { readonly kind: 'present' | 'loaded' }
  /** Not in this kernel, or not ours to load; what depends on it will say so again. */
  | { readonly kind: 'unavailable'; readonly message: string };

/** Loads a module that is neither loaded nor built in, e.g. `br_netfilter`. */
export async function ensureKernelModule(
  name: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<KernelModuleOutcome> {
  if (await isLoaded(name)) return { kind: 'present' };
  let result: CommandResult;
  try {
    result = await runCommand('modprobe', ['--', name], { signal });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    return { kind: 'unavailable', message: errorMessage(error) };
  }
  return result.exitCode === 0
    ? { kind: 'loaded' }
    : { kind: 'unavailable', message: result.stderr.trim() || `modprobe: exit code ${result.exitCode}` };
}

async function isLoaded(name: string): Promise<boolean> {
  try {
    await access(`/sys/module/${name.replaceAll('-', '_')}`);
    return true;
  } catch {
    return false; // modprobe says why
  }
}
