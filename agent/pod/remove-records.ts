// Takes away what is left of containers and pods: runtime records, logs, links, directories.

import { readdir, readlink, rm, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ifThere } from '../lib/if-there.ts';
import type { ObservedContainer } from '../runtime/observed-pod.ts';
import { podDirectory } from '../volume/pod-directories.ts';
import type { ActionSignals, ActionTarget, PodEffects } from './effects.ts';
import { containerLogLink, LOG_LINK_DIRECTORY } from './naming.ts';
import type { PodAction } from './pod-plan.ts';

/** Log first, record last: a record without a log is found again, a log without a record is not. */
export async function removeContainerRecord(
  { containerId, restartAll }: PodAction & { kind: 'removeContainer' },
  { observed }: ActionTarget,
  { runtime }: PodEffects,
  { shutdown }: ActionSignals,
): Promise<void> {
  const container = observed.containers.find(({ id }) => id === containerId);
  if (container) {
    await removeLink(observed, container);
    if (!restartAll) await removeLogs(container.logPath);
  }
  await runtime.removeContainer(containerId, { signal: shutdown, podUID: observed.podUID });
}

/** Everything of a pod whose object is gone. */
export async function removePodRecords(
  { observed }: ActionTarget,
  { runtime, contexts }: PodEffects,
  { shutdown }: ActionSignals,
): Promise<void> {
  const options = { signal: shutdown, podUID: observed.podUID };
  const { podUID, namespace, name } = observed;
  await removeLogLinks(`${name}_${namespace}_`, target => target.includes(`_${podUID}/`));
  await Promise.all(observed.containers.map(({ id }) => runtime.removeContainer(id, options)));
  await removePodLogs(contexts.podLogsDir, observed.podUID);
  await removePodDirectory(podDirectory(contexts.rootDir, observed.podUID));
  // Last, as above: by these an agent that starts anew finds the pod again.
  await Promise.all(observed.sandboxes.map(({ id }) => runtime.removePodSandbox(id, options)));
}

// By the UID at the end of its name: of a pod that was never made in the runtime nothing else is known.
async function removePodLogs(podLogsDir: string, uid: string): Promise<void> {
  const names = (await ifThere(readdir(podLogsDir))) ?? [];
  const own = names.filter(name => name.endsWith(`_${uid}`));
  await Promise.all(own.map(name => rm(`${podLogsDir}/${name}`, { recursive: true, force: true })));
}

/** Links to logs whose names begin so, by where they lead: also those of containers that somebody else has removed. */
export async function removeLogLinks(prefix: string, isOurs: (target: string) => boolean): Promise<void> {
  const names = (await ifThere(readdir(LOG_LINK_DIRECTORY))) ?? [];
  for (const name of names.filter(one => one.startsWith(prefix))) {
    const path = `${LOG_LINK_DIRECTORY}/${name}`;
    const target = await readlink(path).catch(() => undefined); // no link, or gone: not ours
    if (target !== undefined && isOurs(target)) await rm(path, { force: true });
  }
}

async function removeLink(
  pod: { namespace: string; name: string },
  { name, id }: ObservedContainer,
): Promise<void> {
  await rm(containerLogLink(LOG_LINK_DIRECTORY, pod, name, id), { force: true });
}

// The current log and what rotation left beside it: `2.log`, `2.log.20260101-000000`, `2.log.….gz`.
async function removeLogs(logPath: string): Promise<void> {
  if (logPath === '') return;
  const directory = dirname(logPath);
  const names = await ifThere(readdir(directory));
  const own = (names ?? []).filter(
    name => name === basename(logPath) || name.startsWith(`${basename(logPath)}.`),
  );
  await Promise.all(own.map(name => rm(`${directory}/${name}`, { force: true })));
}

// Never recursive where a volume could still be mounted: volumes are gone by now or the rmdir fails, and that is right.
async function removePodDirectory(directory: string): Promise<void> {
  await rm(`${directory}/containers`, { recursive: true, force: true });
  for (const name of ['etc-hosts', 'userns']) await ifThere(unlink(`${directory}/${name}`));
  for (const path of [`${directory}/volumes`, `${directory}/plugins`, directory]) {
    await ifThere(rmdir(path));
  }
}
