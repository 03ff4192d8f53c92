import { readdir } from 'node:fs/promises';
import { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { restoreRules } from '../host/iptables.ts';
import { readTables } from '../host/iptables-tables.ts';
import { listLinks, removeLink } from '../host/links.ts';
import { listRoutes, ROUTE_PROTOCOL, removeRoute } from '../host/routes.ts';
import { errorMessage, NotFoundError } from '../lib/errors.ts';
import { ifThere } from '../lib/if-there.ts';
import { readCNIDirectory, removeConflist } from '../node/cni-directory.ts';
import { planCleanup } from '../proxy/plan-cleanup.ts';
import { addConfigFlags, loadPresentConfig } from './config-flags.ts';
import { EXIT_FAILURE, EXIT_OK, type Exit } from './exit-codes.ts';
import { complain, type Output } from './output.ts';

const BITE_LINES = 3_000;

export function cleanupCommand(output: Output, exit: Exit): Command {
  const command = new Command('cleanup').addHelpText(
    'after',
    '\nStop nodelet first: it puts back what is missing. Pods and volumes are not touched.',
  );
  return addConfigFlags(command).action(async () => {
    const { config } = await loadPresentConfig(command);
    exit(await cleanUp(config, output));
  });
}

export async function cleanUp(config: Config, output: Output): Promise<number> {
  const { signal } = new AbortController();
  const steps: readonly (readonly [what: string, run: () => Promise<number>])[] = [
    ['IPv4 rules', async () => await removeRules(4, signal)],
    ['IPv6 rules', async () => await removeRules(6, signal)],
    ['routes to other nodes', removeRoutes],
    ['bridge of the pods', async () => await removeBridge(config.network)],
    ['CNI configuration', async () => Number(await removeConflist(config.network.cniConfDir))],
  ];
  let exitCode = EXIT_OK;
  for (const [what, run] of steps) {
    try {
      const count = await run();
      output.out(`${what}: ${count === 0 ? 'nothing to remove' : 'removed'}\n`);
    } catch (error) {
      exitCode = EXIT_FAILURE;
      complain(output, `${what}: ${errorMessage(error)}`);
    }
  }
  return exitCode;
}

async function removeRules(family: 4 | 6, signal: AbortSignal): Promise<number> {
  try {
    const inputs = planCleanup(await readTables(family, { signal }), BITE_LINES);
    for (const input of inputs) await restoreRules({ family, input, signal });
    return inputs.length;
  } catch (error) {
    if (error instanceof NotFoundError) return 0; // no iptables, no rules
    throw error;
  }
}

async function removeRoutes(): Promise<number> {
  const routes = (
    await Promise.all(([4, 6] as const).map(family => listRoutes({ family, protocol: ROUTE_PROTOCOL })))
  ).flat();
  for (const { destination } of routes) await removeRoute(destination);
  return routes.length;
}

/** Ours while our configuration is there; one that still has a pod on it stays. */
async function removeBridge({ cniConfDir, bridgeName }: Config['network']): Promise<number> {
  const { ownContent } = await readCNIDirectory(cniConfDir);
  const pods = await ifThere(readdir(`/sys/class/net/${bridgeName}/brif`));
  const link = (await listLinks()).find(({ name }) => name === bridgeName);
  if (ownContent === undefined || link === undefined || pods?.length !== 0) return 0;
  await removeLink(link.index);
  return 1;
}
