// Which agent runs on this machine, and with which settings.
import { type ConfigInput, loadConfig } from '../config/load-config.ts';
import type { PresentAgent } from '../explain/foreseen.ts';
import type { NodeReport } from '../explain/node-report.ts';
import { findAgentProcess } from './agent-process.ts';
import { askAgent } from './local-request.ts';

export async function findPresentAgent(): Promise<PresentAgent | undefined> {
  const report = await askAgent<NodeReport>('/status');
  if (report.kind === 'found') {
    const settings = await askAgent<NonNullable<PresentAgent['settings']>>('/settings');
    const { version } = report.value;
    return { name: 'nodelet', version, settings: settings.kind === 'found' ? settings.value : undefined };
  }
  const process = findAgentProcess();
  if (process?.name !== 'kubelet') return undefined;
  return { name: 'kubelet', version: undefined, settings: await readKubeletSettings(process.input) };
}

/** As its command line and its files say them; it tells nobody else without credentials. */
async function readKubeletSettings(input: ConfigInput): Promise<PresentAgent['settings']> {
  if (input.configPath === undefined) return undefined; // another set of defaults (kubelet without a file)
  const loaded = await loadConfig(input);
  return loaded.kind === 'loaded' ? loaded.config.settings : undefined;
}
