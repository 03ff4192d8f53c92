// Cluster DNS: the real CoreDNS, compiled here like everything else that runs in a sandbox.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CLUSTER_DNS } from './control-plane-flags.ts';
import { buildProgram, ensureArchive, type ImageArchive } from './images.ts';
import { CHECKOUT } from './paths.ts';
import type { Sandbox } from './sandbox.ts';
import type { Log } from './step.ts';

export const COREDNS_IMAGE = 'registry.k8s.io/coredns/coredns:v1.14.2';

const MODULE = join(CHECKOUT, 'hack', 'e2e', 'programs');
const MANIFEST = join(CHECKOUT, 'hack', 'manifests', 'cluster-dns.yaml');

interface Progress {
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** DNS whose image comes from here; `hack/conformance` brings its own with the suite's. */
export async function ensureDnsWithImage(sandbox: Sandbox, progress: Progress): Promise<void> {
  const archive = await ensureDnsImage(progress);
  for (const node of sandbox.nodes) await node.ensureImages(archive, progress);
  await ensureDns(sandbox, progress);
}

/** Returns when it answers. The nodes must have the image. */
export async function ensureDns(sandbox: Sandbox, { signal }: { signal: AbortSignal }): Promise<void> {
  await sandbox.kubectl(['apply', '-f', '-'], { signal, input: await buildManifest(sandbox) });
  const rollout = ['rollout', 'status', 'deployment/coredns', '--namespace=kube-system', '--timeout=120s'];
  await sandbox.kubectl(rollout, { signal });
}

export async function removeDns(sandbox: Sandbox, { signal }: { signal: AbortSignal }): Promise<void> {
  await sandbox.kubectl(['delete', '--ignore-not-found', '-f', '-'], {
    signal,
    input: await buildManifest(sandbox),
  });
}

async function buildManifest({ subnet }: Sandbox): Promise<string> {
  return (await readFile(MANIFEST, 'utf8'))
    .replaceAll('COREDNS_IMAGE', COREDNS_IMAGE)
    .replaceAll('CLUSTER_DNS', CLUSTER_DNS)
    .replaceAll('API_SERVER_HOST', subnet.controlPlane);
}

async function ensureDnsImage(progress: Progress): Promise<ImageArchive> {
  const hash = createHash('sha256');
  for (const file of [import.meta.filename, join(MODULE, 'go.mod'), join(MODULE, 'coredns', 'main.go')])
    hash.update(await readFile(file));
  const id = `dns-image-${hash.digest('hex').slice(0, 16)}`;
  const title = 'CoreDNS: building (first time only, about a minute)';
  const describe = async (scratch: string) => {
    const content = await buildProgram(
      join(scratch, 'coredns'),
      { cwd: MODULE, target: './coredns' },
      progress,
    );
    const files = [{ kind: 'file' as const, path: 'coredns', mode: 0o755, content }];
    return [{ names: [COREDNS_IMAGE], files, entrypoint: ['/coredns'] }];
  };
  return await ensureArchive({ id, title, describe }, progress);
}
