import { Command } from 'commander';
import { ApiClient } from '../api/client.ts';
import type { Config } from '../config/config.ts';
import { type DescribedSetting, describeSettings } from '../config/describe.ts';
import { checkRunnable } from '../config/load-config.ts';
import { formatProblem } from '../config/origin.ts';
import { NODELET_VERSION } from '../config/version.ts';
import { foreseeSettings } from '../explain/foresee-settings.ts';
import { type ForeseenPlan, formatForeseen } from '../explain/format-foreseen.ts';
import { errorMessage } from '../lib/errors.ts';
import { createSilentLogger } from '../lib/logger.ts';
import { addConfigFlags, loadCommandConfig } from './config-flags.ts';
import { EXIT_CONFIG, EXIT_FAILURE, EXIT_OK, exitCodeOf } from './exit-codes.ts';
import { foreseeNode, foreseePods, foreseeServiceRules, readNode } from './foresee-facts.ts';
import { complain, type Output } from './output.ts';
import { findPresentAgent } from './present-agent.ts';

const TIMEOUT_MS = 20_000;

const EXPLANATION = `
For a new configuration file, a new version (run the new program), or a node that a kubelet runs now. It changes nothing,
and asks API server, runtime and kernel as \`run\` with the same flags would. Exit code 1: a container restarts or ends.

Examples:
  nodelet plan --config ./new.yaml           # before the file goes to /etc/nodelet and the service restarts
  nodelet plan --config /var/lib/kubelet/config.yaml --kubeconfig /etc/kubernetes/kubelet.conf`;

export function planCommand(output: Output, exit: (code: number) => void): Command {
  const command = new Command('plan').option('--json', 'print JSON').addHelpText('after', EXPLANATION);
  return addConfigFlags(command).action(async (options: { readonly json?: true }) => {
    const loaded = await loadCommandConfig(command, output);
    const problems = loaded ? checkRunnable(loaded.config) : [];
    for (const problem of problems) complain(output, `configuration: ${formatProblem(problem)}`);
    if (loaded === undefined || problems.length > 0) return exit(EXIT_CONFIG);
    try {
      const plan = await foresee(loaded.config, describeSettings(loaded.settings));
      output.out(options.json ? `${JSON.stringify(plan, undefined, 2)}\n` : formatForeseen(plan));
      exit(plan.changes.some(({ isDisturbing }) => isDisturbing) ? EXIT_FAILURE : EXIT_OK);
    } catch (error) {
      complain(output, errorMessage(error));
      exit(exitCodeOf(error));
    }
  });
}

async function foresee(config: Config, settings: readonly DescribedSetting[]): Promise<ForeseenPlan> {
  const options = { signal: AbortSignal.timeout(TIMEOUT_MS) };
  const from = await findPresentAgent();
  const unknown: string[] = [];
  if (from && !from.settings) unknown.push('the settings of the agent that runs');
  const api = await ApiClient.connect({
    kubeconfigPath: config.api.kubeconfigPath ?? '',
    userAgent: `nodelet/${NODELET_VERSION} (plan)`,
    logger: createSilentLogger(),
    ...options,
  });
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
    ];
    return { from, version: NODELET_VERSION, changes, unknown };
  } finally {
    await api.close();
  }
}
