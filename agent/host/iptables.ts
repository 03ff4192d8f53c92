// iptables rules, through iptables-restore: one transaction per table.
import { InvalidError, UnavailableError } from '../lib/errors.ts';
import { type CommandResult, runCommand } from './command.ts';
import type { IPFamily } from './ip-address.ts';

// Others hold the lock too: wait for it this long, as kube-proxy does.
const LOCK_WAIT_SECONDS = 5;
// iptables(8): a resource problem, e.g. a concurrent nft transaction.
const EXIT_RESOURCE_PROBLEM = 4;

export type IptablesBackend = 'nft' | 'legacy';

export interface IptablesVersion {
  /** e.g. `1.8.9` */
  readonly version: string;
  readonly backend: IptablesBackend;
}

/** Which iptables the `iptables` in the path is; NotFoundError when there is none. */
export async function readIptablesVersion(
  family: IPFamily,
  { signal }: { readonly signal: AbortSignal },
): Promise<IptablesVersion> {
  const { stdout, stderr } = await runCommand(commandName(family), ['--version'], { signal });
  const version = parseIptablesVersion(stdout);
  if (version) return version;
  throw new InvalidError(`iptables: unknown version: ${stdout}${stderr}`, { code: 'UnknownVersion' });
}

/** `iptables v1.8.9 (nf_tables)`; before 1.8 there was legacy only, unnamed. */
export function parseIptablesVersion(text: string): IptablesVersion | undefined {
  const match = /v(\d+(?:\.\d+)+)(?:\s+\((\w+)\))?/.exec(text);
  if (match?.[1] === undefined) return undefined;
  return { version: match[1], backend: match[2] === 'nf_tables' ? 'nft' : 'legacy' };
}

export interface RestoreRequest {
  readonly family: IPFamily;
  /** iptables-save format. Chains it names are created or flushed, others stay. */
  readonly input: string | Buffer;
  readonly signal: AbortSignal;
}

/** Applies rules. An InvalidError names the line that was refused, an UnavailableError may pass. */
export async function restoreRules({ family, input, signal }: RestoreRequest): Promise<void> {
  const args = ['--noflush', '--wait', `${LOCK_WAIT_SECONDS}`];
  const result = await runCommand(`${commandName(family)}-restore`, args, { input, signal });
  if (result.exitCode !== 0) throw restoreError(result, String(input));
}

/** One table, or all, in iptables-save format. */
export async function saveRules(
  family: IPFamily,
  { table, signal }: { readonly table?: string; readonly signal: AbortSignal },
): Promise<string> {
  const args = table === undefined ? [] : ['--table', table];
  const { exitCode, stdout, stderr } = await runCommand(`${commandName(family)}-save`, args, { signal });
  if (exitCode === 0) return stdout;
  throw new UnavailableError(`${commandName(family)}-save: ${stderr.trim()}`, { code: `Exit${exitCode}` });
}

/** The error of a restore that failed, with the line at fault. */
export function restoreError(
  { exitCode, stderr }: CommandResult,
  input: string,
): InvalidError | UnavailableError {
  const text = stderr
    .replace(/^ip6?tables(-\w+)*( v[\d.]+ \(\w+\))?:|^Try `.*$/gm, '')
    .trim()
    .replace(/\s*\n\s*/g, '; ');
  const line = lineAtFault(text, input);
  const message = [
    `iptables-restore: ${text || `exit code ${exitCode}`}`,
    ...(line === undefined ? [] : [line]),
  ];
  const code = `Exit${exitCode ?? 'BySignal'}`;
  return isPassing(exitCode, text)
    ? new UnavailableError(message.join(': '), { code })
    : new InvalidError(message.join(': '), { code });
}

// nft refuses a rule with the same exit code that a concurrent transaction gives.
function isPassing(exitCode: number | undefined, text: string): boolean {
  if (exitCode === undefined || /xtables lock|Resource temporarily/.test(text)) return true;
  return exitCode === EXIT_RESOURCE_PROBLEM && !/Invalid argument|not supported/.test(text);
}

function lineAtFault(text: string, input: string): string | undefined {
  const lines = input.split('\n');
  // nft notices a missing chain later, at a line that is not at fault.
  const missing = /Chain '([^']+)' does not exist/.exec(text)?.[1];
  if (missing !== undefined) return lines.find(line => line.startsWith('-') && line.includes(missing));
  // `line 3 failed` and `Error occurred at line: 3` count from 1.
  const number = /line:? (\d+)/.exec(text)?.[1];
  return number === undefined ? undefined : lines[Number(number) - 1];
}

function commandName(family: IPFamily): string {
  return family === 4 ? 'iptables' : 'ip6tables';
}
