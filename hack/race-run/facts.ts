// What a result is worth nothing without: when, on what machine, with which versions.
import { readFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { CHECKOUT } from '../sandbox/paths.ts';
import { run } from '../sandbox/run.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';

export type Facts = Readonly<Record<string, string>>;

export async function readFacts(sandbox: Sandbox, { signal }: { signal: AbortSignal }): Promise<Facts> {
  const first = async (command: string, args: readonly string[]): Promise<string> =>
    ((await run(command, args, { signal })).stdout.split('\n')[0] ?? '').trim();
  const processors = cpus();
  const git = ['-C', CHECKOUT];
  const revision = await first('git', [...git, 'rev-parse', '--short', 'HEAD']);
  const isDirty = (await first('git', [...git, 'status', '--porcelain', '--', 'agent', 'cri-proto'])) !== '';
  return {
    date: `${new Date().toISOString().slice(0, 16)}Z`,
    machine: `${processors.length} x ${processors[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `${release()}, cgroup ${await cgroupVersion()}`,
    load: loadavg()
      .map(value => value.toFixed(2))
      .join(' '),
    nodelet: `${revision}${isDirty ? ' with uncommitted changes' : ''}, Node ${process.versions.node}`,
    kubernetes: await first(join(sandbox.paths.bin, 'kubelet'), ['--version']),
    containerd: await first('containerd', ['--version']),
    runc: await first('runc', ['--version']),
    iptables: await first('iptables', ['--version']),
  };
}

async function cgroupVersion(): Promise<string> {
  const mounts = await readFile('/proc/mounts', 'utf8');
  return /^cgroup \S+ cgroup /m.test(mounts) ? 'v1' : 'v2';
}
