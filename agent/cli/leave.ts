import { execFile } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import type { ApiClient } from '../api/client.ts';
import { nodePath } from '../api/paths.ts';
import type { Config } from '../config/config.ts';
import { connectRuntime, type RuntimeConnection } from '../cri/connect.ts';
import { ensureUnmountedBelow } from '../host/mounts.ts';
import { drainNode } from '../join/drain-node.ts';
import { errorMessage, InvalidError, NotFoundError, UnavailableError } from '../lib/errors.ts';
import { ifThere, pathExists } from '../lib/if-there.ts';
import { removeLogLinks } from '../pod/remove-records.ts';
import { checkpointPaths } from '../resources/resource-checkpoint.ts';
import { cleanUp } from './cleanup.ts';
import { addConfigFlags, loadCommandConfig } from './config-flags.ts';
import { connectApi } from './connect-api.ts';
import { askAgent } from './local-request.ts';
import type { Output } from './output.ts';
import { readTimeout } from './timeout.ts';

interface LeaveOptions {
  readonly drain: boolean;
  readonly timeout: string;
}

const KUBEADM_KUBECONFIG = '/etc/kubernetes/kubelet.conf';

const EXPLANATION = `
It moves the pods away, stops nodelet.service, ends what still runs, and removes the pods' volumes and logs, packet rules,
routes, certificates and the kubeconfig. The configuration stays. The Node object goes too, where the node may delete it.

It may be said again: a machine that is half gone goes on from there.`;

export function leaveCommand(output: Output): Command {
  const command = new Command('leave')
    .option('--no-drain', 'end the pods here instead of moving them away first')
    .option('--timeout <duration>', 'how long pods are waited for', '5m')
    .addHelpText('after', EXPLANATION);
  return addConfigFlags(command).action(async (options: LeaveOptions) => {
    const timeoutMs = readTimeout(options.timeout);
    const { config } = await loadCommandConfig(command);
    await leave(config, { isDraining: options.drain, timeoutMs }, output);
  });
}

interface LeaveSettings {
  readonly isDraining: boolean;
  readonly timeoutMs: number;
}

/** The order is that of need: pods move while nodelet can end them, credentials go last. */
async function leave(config: Config, settings: LeaveSettings, output: Output): Promise<void> {
  const say = (line: string): void => output.out(`${line}\n`);
  const { signal } = new AbortController();
  await checkWhoseNode(config);
  const api = await connect(config, settings, say, signal);
  try {
    if (api !== undefined && settings.isDraining) {
      await drainNode(api, {
        nodeName: config.node.name,
        timeoutMs: settings.timeoutMs,
        report: say,
        signal,
      });
    }
    await stopService(say);
    await checkAgentIsGone();
    await endPods(config, say, signal);
    await removeVolumes(config);
    await removeLogs(config);
    await cleanUp(config, output);
    if (api !== undefined) await deleteNode(api, config.node.name, say, signal);
  } finally {
    await api?.close();
  }
  await removeCredentials(config);
  say('this machine is no node any more');
}

/** What kubeadm has made, kubeadm takes apart. */
async function checkWhoseNode({ api }: Config): Promise<void> {
  const isOurs = api.kubeconfigPath !== undefined && (await pathExists(api.kubeconfigPath));
  if ((isOurs && api.kubeconfigPath !== KUBEADM_KUBECONFIG) || !(await pathExists(KUBEADM_KUBECONFIG)))
    return;
  const text =
    'kubeadm has made this machine a node: `kubectl drain` it, then `kubeadm reset` and `nodelet cleanup` here';
  throw new InvalidError(text, { code: 'Kubeadm' });
}

/** Undefined where there is nothing to reach the API server by, or where it is not to be asked. */
async function connect(
  config: Config,
  { isDraining }: LeaveSettings,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<ApiClient | undefined> {
  try {
    return await connectApi(config, 'leave', { signal });
  } catch (error) {
    if (isDraining) say(`not drained: ${errorMessage(error)}`);
    return undefined;
  }
}

async function stopService(say: (line: string) => void): Promise<void> {
  try {
    await promisify(execFile)('systemctl', ['disable', '--now', 'nodelet.service']);
    say('nodelet.service is stopped');
  } catch {
    say('there is no nodelet.service to stop'); // run by hand, or without systemd
  }
}

/** One that was started in another way would put back what is taken away. */
async function checkAgentIsGone(): Promise<void> {
  const answer = await askAgent('/status');
  if (answer.kind === 'away') return;
  const message = 'nodelet still runs, and not as nodelet.service: stop it, then say it again';
  throw new UnavailableError(message, { code: 'StillRunning' });
}

async function endPods({ runtime }: Config, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const connection = connectRuntime({ runtimeEndpoint: runtime.endpoint });
  try {
    const sandboxes = await listSandboxes(connection, say, signal);
    const left: string[] = [];
    for (const { id, metadata } of sandboxes) {
      try {
        await connection.runtime.stopPodSandbox(id, { signal });
        await connection.runtime.removePodSandbox(id, { signal });
      } catch (error) {
        left.push(`${metadata?.namespace}/${metadata?.name} (${errorMessage(error)})`);
      }
    }
    if (left.length > 0) {
      const message = `pods that could not be ended: ${left.join(', ')}; their volumes stay, say it again`;
      throw new UnavailableError(message, { code: 'PodsLeft' });
    }
    say(`pods ended: ${sandboxes.length}`);
  } finally {
    connection.close();
  }
}

/** Without a runtime nothing runs that could be ended. */
async function listSandboxes(
  { runtime }: RuntimeConnection,
  say: (line: string) => void,
  signal: AbortSignal,
) {
  try {
    return await runtime.listPodSandbox({}, { signal });
  } catch (error) {
    say(`the runtime could not be asked to end pods: ${errorMessage(error)}`);
    return [];
  }
}

/** Unmounted first: what a mount shows is somebody's data. */
async function removeVolumes({ pods }: Config): Promise<void> {
  const directory = join(pods.rootDir, 'pods');
  await ensureUnmountedBelow(directory);
  await rm(directory, { recursive: true, force: true });
  for (const path of Object.values(checkpointPaths(pods.rootDir))) await rm(path, { force: true });
}

/** Of the pods that ended here just now, and the links to them; the others' went with their pods. */
async function removeLogs({ pods }: Config): Promise<void> {
  for (const name of (await ifThere(readdir(pods.podLogsDir))) ?? []) {
    await rm(join(pods.podLogsDir, name), { recursive: true, force: true });
  }
  await removeLogLinks('', target => target.startsWith(`${pods.podLogsDir}/`));
}

async function deleteNode(
  api: ApiClient,
  nodeName: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    await api.delete(nodePath(nodeName), undefined, { signal, timeoutMs: 10_000 });
    say(`Node ${nodeName} is deleted`);
  } catch (error) {
    if (error instanceof NotFoundError) return;
    // Node authorisation grants no deletion.
    say(`the Node object stays, delete it with: kubectl delete node ${nodeName}`);
  }
}

async function removeCredentials({ api }: Config): Promise<void> {
  const names = await readdir(api.certDir).catch(() => []); // none were made
  const ours = names.filter(name => /^kubelet(-client|-server)?[-.].*(pem|tmp|crt|key)$/.test(name));
  for (const name of ours) await rm(join(api.certDir, name), { force: true });
  for (const path of [api.kubeconfigPath, api.bootstrapKubeconfigPath]) {
    if (path !== undefined) await rm(path, { force: true });
  }
}
