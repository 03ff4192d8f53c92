// How the agent of this machine was started: nodelet's `run`, also under the kubelet's name, or a kubelet.
import { readFileSync } from 'node:fs';
import { type FlagValue, listFlags } from '../config/flags.ts';
import type { ConfigInput } from '../config/load-config.ts';
import { listProcesses } from '../doctor/look.ts';
import { isMissing } from '../lib/if-there.ts';

export interface AgentProcess {
  readonly name: 'nodelet' | 'kubelet';
  readonly input: ConfigInput;
}

export function findAgentProcess(): AgentProcess | undefined {
  for (const { pid, name, command } of listProcesses()) {
    if (name !== 'kubelet' && !NODELET.test(command)) continue;
    const args = readArguments(pid);
    const found = args && parseAgentCommand(name, args);
    if (found !== undefined) return found;
  }
  return undefined;
}

const NODELET = /\bmain\.[jt]s run\b/;

function readArguments(pid: number): readonly string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
  } catch (error) {
    if (isMissing(error)) return undefined; // ended meanwhile
    throw error;
  }
}

/** Undefined for a process that is neither. */
export function parseAgentCommand(name: string, args: readonly string[]): AgentProcess | undefined {
  const run = args.findIndex((arg, index) => arg === 'run' && /\bmain\.[jt]s$/.test(args[index - 1] ?? ''));
  const isNode = /(^|\/)node$/.test(args[0] ?? '');
  if (isNode && run > 0) return { name: 'nodelet', input: readInput(args.slice(run + 1)) };
  return name === 'kubelet' ? { name, input: readInput(args.slice(1)) } : undefined;
}

function readInput(args: readonly string[]): ConfigInput {
  const flags = parseFlags(args);
  const pathOf = (name: string): string | undefined => flags.find(flag => flag.name === name)?.values.at(-1);
  return {
    flags: flags.filter(({ name }) => name !== 'config' && name !== 'config-dir'),
    configPath: pathOf('config'),
    configDir: pathOf('config-dir'),
  };
}

/** `--name=value`, `--name value`, and `--name` of a boolean. */
function parseFlags(args: readonly string[]): readonly FlagValue[] {
  const booleans = new Set(listFlags().flatMap(({ name, isBoolean }) => (isBoolean ? [name] : [])));
  const values = new Map<string, string[]>();
  for (let index = 0; index < args.length; index += 1) {
    const [, name, inline] = /^--?([^=]+)(?:=(.*))?$/s.exec(args[index] ?? '') ?? [];
    if (name === undefined) continue;
    const isAlone = inline === undefined && !booleans.has(name);
    if (isAlone) index += 1;
    const value = inline ?? (isAlone ? (args[index] ?? '') : 'true');
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return [...values].map(([name, of]) => ({ name, values: of }));
}
