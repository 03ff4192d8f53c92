// Which agent runs on this machine, and with which settings.
import { readFileSync } from 'node:fs';
import { type FlagValue, listFlags } from '../config/flags.ts';
import { loadConfig } from '../config/load-config.ts';
import { listProcesses } from '../doctor/look.ts';
import type { PresentAgent } from '../explain/foreseen.ts';
import type { NodeReport } from '../explain/node-report.ts';
import { askAgent } from './local-request.ts';

export async function findPresentAgent(): Promise<PresentAgent | undefined> {
  const report = await askAgent<NodeReport>('/status');
  if (report.kind === 'found') {
    const settings = await askAgent<NonNullable<PresentAgent['settings']>>('/settings');
    const { version } = report.value;
    return { name: 'nodelet', version, settings: settings.kind === 'found' ? settings.value : undefined };
  }
  const kubelet = listProcesses().find(({ name }) => name === 'kubelet');
  if (kubelet === undefined) return undefined;
  return { name: 'kubelet', version: undefined, settings: await readKubeletSettings(kubelet.pid) };
}

/** As its command line and its files say them; it tells nobody else without credentials. */
async function readKubeletSettings(pid: number): Promise<PresentAgent['settings']> {
  const [, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
  const flags = parseKubeletFlags(args);
  const pathOf = (name: string): string | undefined => flags.find(flag => flag.name === name)?.values.at(-1);
  const configPath = pathOf('config');
  if (configPath === undefined) return undefined; // another set of defaults (kubelet without a file)
  const loaded = await loadConfig({
    flags: flags.filter(({ name }) => name !== 'config' && name !== 'config-dir'),
    configPath,
    configDir: pathOf('config-dir'),
  });
  return loaded.kind === 'loaded' ? loaded.config.settings : undefined;
}

/** `--name=value`, `--name value`, and `--name` of a boolean. */
export function parseKubeletFlags(args: readonly string[]): readonly FlagValue[] {
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
