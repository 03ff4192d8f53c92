// What the machines are given besides Debian's packages: nodelet's package, kubeadm, and the images, which nobody can pull.
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureSuitePrograms } from '../../hack/e2e/programs.ts';
import { ensureImages } from '../../hack/sandbox/images.ts';
import { CHECKOUT } from '../../hack/sandbox/paths.ts';
import { runOk } from '../../hack/sandbox/run.ts';
import type { Log } from '../../hack/sandbox/step.ts';
import { writeKubeadmFiles } from '../systemd/kubeadm-files.ts';
import { makeFileSystem } from './debian-disk.ts';

const DISK_BYTES = 2 ** 30;

/** Makes a disk with nodelet.deb, control-plane, images.tar, coredns.tar and test-images.tar in the directory; its path. */
export async function makeClusterDisk(
  directory: string,
  progress: { readonly signal: AbortSignal; readonly log: Log },
): Promise<string> {
  const { signal } = progress;
  const files = join(directory, 'files');
  await mkdir(files, { recursive: true });
  const corednsProgram = (await ensureSuitePrograms(progress)).program('coredns');
  await writeKubeadmFiles(files, { ...progress, corednsProgram });
  await copyFile((await ensureImages(progress)).path, join(files, 'test-images.tar'));
  progress.log('the package');
  await runOk(join(CHECKOUT, 'hack', 'package'), ['--out', join(directory, 'package'), '--quick'], {
    signal,
  });
  const [archive = ''] = await readdir(join(directory, 'package'));
  await copyFile(join(directory, 'package', archive), join(files, 'nodelet.deb'));
  const disk = join(directory, 'files.img');
  await makeFileSystem(files, disk, { sizeBytes: DISK_BYTES, signal });
  await rm(files, { recursive: true });
  return disk;
}
