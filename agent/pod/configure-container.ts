// Everything that a container's configuration is made of, collected: environment, files of its own, mounts.

import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Container, Pod } from '../api/objects.ts';
import type { ImageOutcome } from '../image/image-outcome.ts';
import { errorMessage } from '../lib/errors.ts';
import type { ObservedContainer } from '../runtime/observed-pod.ts';
import { DIRECTORY_MODE, podDirectory } from '../volume/pod-directories.ts';
import type { PreparedVolume } from '../volume/prepared-volume.ts';
import { buildContainerConfig, type ContainerConfigOutcome } from './container-config.ts';
import type { ActionTarget, PodEffects } from './effects.ts';
import { buildEnvironment } from './environment.ts';
import { readEnvironmentFiles } from './environment-files.ts';
import { readConfigMap, readSecret } from './environment-objects.ts';
import { buildHostname } from './hostname.ts';
import { buildHostNetworkHostsFile, buildHostsFile } from './hosts-file.ts';
import { podNamespace, podUID } from './naming.ts';
import type { PodContext } from './pod-context.ts';
import { prepareSubPaths } from './prepare-sub-paths.ts';

export interface ContainerToConfigure {
  readonly container: Container;
  readonly attempt: number;
  readonly image: ImageOutcome & { kind: 'present' };
  readonly context: PodContext;
  readonly podIPs: readonly string[];
}

export async function configureContainer(
  { container, attempt, image, context, podIPs }: ContainerToConfigure,
  { pod, memory, observed }: ActionTarget & { readonly pod: Pod },
  effects: PodEffects,
  signal: AbortSignal,
): Promise<ContainerConfigOutcome> {
  const { targetContainerName: targetName } = container;
  const isTarget = ({ name, state }: ObservedContainer): boolean =>
    name === targetName && state === 'running';
  const targetId = targetName ? observed.containers.find(isTarget)?.id : undefined;
  if (targetName && !targetId) return refused(`unable to find target container ${targetName}`);
  try {
    const { objects } = effects.volumes;
    const volumes = memory.volumes ?? new Map<string, PreparedVolume>();
    const [configMap, secret, file, serviceVariables] = await Promise.all([
      readConfigMap(objects, pod, container, signal),
      readSecret(objects, pod, container, signal),
      readEnvironmentFiles(container, volumes, effects.logger),
      effects.services.read(pod, { signal }),
    ]);
    const sources = { ...context, podIPs, configMap, secret, file, serviceVariables };
    const environment = buildEnvironment(pod, container, sources);
    if (environment.kind === 'failed') return refused(environment.message);
    const { variables } = environment;
    const { rootDir } = context;
    const prepared = await prepareSubPaths({ rootDir, pod, container, variables, volumes }, effects.logger);
    if (prepared.kind === 'refused') return prepared;
    return buildContainerConfig({
      pod,
      container,
      attempt,
      imageRef: image.imageRef,
      imageUser: image.user,
      variables,
      volumes,
      subPaths: prepared.subPaths,
      hostsFile: await writeHostsFile(pod, context, podIPs),
      targetId,
      terminationMessageFile: await createMessageFile(pod, container, context),
      context,
    });
  } catch (error) {
    return refused(errorMessage(error));
  }
}

function refused(message: string): ContainerConfigOutcome {
  return { kind: 'refused', message };
}

async function writeHostsFile(
  pod: Pod,
  context: PodContext,
  podIPs: readonly string[],
): Promise<string | undefined> {
  const { hostAliases = [] } = pod.spec;
  const directory = podDirectory(context.rootDir, podUID(pod));
  await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE }); // somebody may have removed it since the start
  const path = `${directory}/etc-hosts`;
  if (pod.spec.hostNetwork) {
    await writeFile(path, buildHostNetworkHostsFile(await readFile('/etc/hosts', 'utf8'), hostAliases));
    return path;
  }
  if (podIPs.length === 0) return undefined;
  const name = buildHostname(pod.metadata.name, podNamespace(pod), pod.spec, context.clusterDomain);
  if (name.kind === 'tooLong') return undefined;
  await writeFile(path, buildHostsFile({ podIPs, hostAliases, ...name }));
  return path;
}

async function createMessageFile(pod: Pod, container: Container, context: PodContext): Promise<string> {
  const directory = `${podDirectory(context.rootDir, podUID(pod))}/containers/${container.name}`;
  await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  const path = `${directory}/${randomBytes(4).toString('hex')}`;
  await writeFile(path, '', { flag: 'wx' });
  await chmod(path, 0o666); // any user of the container may leave a message; the umask must not decide
  return path;
}
