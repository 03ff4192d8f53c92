import { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { type DescribedSetting, describeSettings } from '../config/describe.ts';
import { NODELET_VERSION } from '../config/version.ts';
import { listProcesses } from '../doctor/look.ts';
import { foreseeSettings } from '../explain/foresee-settings.ts';
import type { ForeseenChange } from '../explain/foreseen.ts';
import { type ForeseenPlan, formatForeseen } from '../explain/format-foreseen.ts';
import { errorMessage } from '../lib/errors.ts';
import { addConfigFlags, checkRunnableConfig, loadPresentConfig } from './config-flags.ts';
import { connectApi } from './connect-api.ts';
import { EXIT_FAILURE, EXIT_OK, type Exit } from './exit-codes.ts';
import { foreseeNode, foreseePods, foreseeServiceRules, readNode } from './foresee-facts.ts';
import { formatJson, type Output } from './output.ts';
import { findPresentAgent } from './present-agent.ts';

const TIMEOUT_MS = 20_000;

const EXPLANATION = `
For a new configuration file, a new version (run the new program), or a node that a kubelet runs now. It changes nothing,
and asks API server, runtime and kernel as \`run\` with the same flags would. Exit code 1: a container restarts or ends.

Examples:
  nodelet plan --config ./new.yaml           # before the file goes to /etc/nodelet and the service restarts
  nodelet plan                               # this program in the place of the kubelet, or of the nodelet, that runs`;

export function planCommand(output: Output, exit: Exit): Command {
  const command = new Command('plan').option('--json', 'print JSON').addHelpText('after', EXPLANATION);
  return addConfigFlags(command).action(async (options: { readonly json?: true }) => {
    const { config, settings } = checkRunnableConfig(await loadPresentConfig(command));
    const plan = await foresee(config, describeSettings(settings));
    output.out(options.json ? formatJson(plan) : formatForeseen(plan));
    exit(plan.changes.some(({ isDisturbing }) => isDisturbing) ? EXIT_FAILURE : EXIT_OK);
  });
}

async function foresee(config: Config, settings: readonly DescribedSetting[]): Promise<ForeseenPlan> {
  const options = { signal: AbortSignal.timeout(TIMEOUT_MS) };
  const from = await findPresentAgent();
  const unknown: string[] = [];
  if (from && !from.settings) unknown.push('the settings of the agent that runs');
  const api = await connectApi(config, 'plan', options);
  try {
    const node = await readNode(config, api, options);
    const rules = node
      ? await foreseeServiceRules(config, api, node, options).catch((error: unknown) => {
          unknown.push(`rules of Services: ${errorMessage(error)}`);
          return [];
        })
      : [];
    const changes = [
      ...(from?.settings ? foreseeSettings(from.settings, settings) : []),
      ...(await foreseeNode(config, node, options)),
      ...(await foreseePods(config, api, options)),
      ...rules,
      ...foreseeOtherProxy(config),
    ];
    return { from, version: NODELET_VERSION, changes, unknown };
  } finally {
    await api.close();
  }
}

/** Whose rules are those of Services, where two would write them. */
function foreseeOtherProxy({ proxy }: Config): readonly ForeseenChange[] {
  if (!proxy.proxyEnabled || !listProcesses().some(({ name }) => name === 'kube-proxy')) return [];
  const why = 'both write the same chains: --service-proxy=false leaves Services to it';
  return [{ kind: 'rules', subject: 'kube-proxy', change: 'runs beside nodelet', why, isDisturbing: false }];
}
