import { readdir } from 'node:fs/promises';

const LOG_NAME = /^(\d+)\.log(\.|$)/;

/**
 * The attempt of a container of which the runtime has no record: after that of the last log it has left (the kubelet's
 * calcRestartCountByLogDir), 0 without any. So a restart of all containers is counted, and nobody writes into an old log.
 */
export async function nextAttempt(logDirectory: string): Promise<number> {
  const names = await readdir(logDirectory).catch(() => []); // not made yet
  const attempts = names.map(name => Number(LOG_NAME.exec(name)?.[1] ?? -1));
  return Math.max(-1, ...attempts) + 1;
}
