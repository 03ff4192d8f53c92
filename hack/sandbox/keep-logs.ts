import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { STATE_ROOT } from './paths.ts';
import { run } from './run.ts';

/** Copies what the agents, runtimes and control plane of a sandbox said, before they go. */
export async function keepLogs(sandboxName: string, target: string): Promise<void> {
  const { signal } = new AbortController(); // also when the run was interrupted
  const script =
    'cd "$1" && for log in */logs/*.log */*/logs/*.log; do cp "$log" "$2/$(echo "$log" | tr / -)"; done';
  await mkdir(target, { recursive: true });
  await run('sh', ['-c', script, 'sh', join(STATE_ROOT, sandboxName), target], { signal });
}
