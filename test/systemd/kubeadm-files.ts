// kubeadm and kubectl, and the images of a control plane, all out of the one program that hack/up builds.
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KUBERNETES_VERSION } from '../../agent/config/version.ts';
import { ensureControlPlaneBuilt } from '../../hack/sandbox/control-plane-build.ts';
import { goArchitecture } from '../../hack/sandbox/go.ts';
import { buildImageArchive, type ImageSpec } from '../../hack/sandbox/image-archive.ts';
import { runOk } from '../../hack/sandbox/run.ts';
import type { Log } from '../../hack/sandbox/step.ts';

/** The static pods that kubeadm makes. */
export const COMPONENTS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];

// kubeadm looks for the image of kube-proxy too, whether it is to run or not.
const PROGRAMS = [...COMPONENTS, 'kube-proxy'];

interface Options {
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Cluster DNS, for a cluster that is to have it. */
  readonly corednsProgram?: string;
}

/** Writes `control-plane`, to be linked as kubeadm and kubectl, and `images.tar`, `coredns.tar` for `ctr images import`. */
export async function writeKubeadmFiles(directory: string, options: Options): Promise<void> {
  const programs = await ensureControlPlaneBuilt(options);
  const program = join(programs, 'control-plane');
  await copyFile(program, join(directory, 'control-plane'));
  const flags = ['config', 'images', 'list', `--kubernetes-version=${KUBERNETES_VERSION}`];
  const listed = await runOk(join(programs, 'kubeadm'), flags, { signal: options.signal });
  const names = listed.trim().split('\n');
  const write = async (archive: string, image: ImageSpec): Promise<void> =>
    await writeFile(join(directory, archive), buildImageArchive([image], goArchitecture()));
  await write('images.tar', await controlPlaneImage(names, program));
  if (options.corednsProgram !== undefined)
    await write('coredns.tar', await corednsImage(names, options.corednsProgram));
}

async function controlPlaneImage(names: readonly string[], program: string): Promise<ImageSpec> {
  const content = await readFile(program);
  const links = PROGRAMS.map(
    name => ({ kind: 'link', path: `usr/local/bin/${name}`, target: 'control-plane' }) as const,
  );
  return {
    names: names.filter(name => PROGRAMS.some(one => name.includes(`/${one}:`))),
    files: [{ kind: 'file', path: 'usr/local/bin/control-plane', content, mode: 0o755 }, ...links],
  };
}

async function corednsImage(names: readonly string[], program: string): Promise<ImageSpec> {
  return {
    names: names.filter(name => name.includes('/coredns:')),
    files: [{ kind: 'file', path: 'coredns', content: await readFile(program), mode: 0o755 }],
    entrypoint: ['/coredns'],
  };
}
