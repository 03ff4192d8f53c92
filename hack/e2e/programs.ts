// The Go programs of hack/conformance: the e2e suite, its runner, CoreDNS, and what goes into the suite's images.
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathExists } from '../../agent/lib/if-there.ts';
import { kubernetesBuildFlags, kubernetesVersion } from '../sandbox/control-plane-build.ts';
import { ensureGo } from '../sandbox/go.ts';
import { CACHE_ROOT, CHECKOUT } from '../sandbox/paths.ts';
import { runOk } from '../sandbox/run.ts';
import { type Log, step } from '../sandbox/step.ts';

const MODULE = join(import.meta.dirname, 'programs');
const KUBERNETES_IMAGES = 'k8s.io/kubernetes/test/images';

/** Program -> package. */
const PACKAGES = {
  ginkgo: 'github.com/onsi/ginkgo/v2/ginkgo',
  coredns: './coredns',
  etcd: 'go.etcd.io/etcd/server/v3',
  agnhost: `${KUBERNETES_IMAGES}/agnhost`,
  'sample-apiserver': 'k8s.io/sample-apiserver',
  nnp: `${KUBERNETES_IMAGES}/nonewprivs`,
  consumer: `${KUBERNETES_IMAGES}/resource-consumer`,
  'consume-cpu': `${KUBERNETES_IMAGES}/resource-consumer/consume-cpu`,
} as const;

/** Data files of upstream images, taken along from the Kubernetes module. */
const IMAGE_DATA = { kitten: 'kitten/html', nautilus: 'nautilus/html', localhost: 'agnhost/porter' } as const;

/** A directory with everything that is compiled, and the upstream data that goes with it. */
export class SuitePrograms {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  get suite(): string {
    return join(this.directory, 'suite.test');
  }

  /** The list of conformance specs, YAML. */
  get conformanceList(): string {
    return join(this.directory, 'conformance.yaml');
  }

  program(name: keyof typeof PACKAGES | 'pause'): string {
    return join(this.directory, name);
  }

  data(name: keyof typeof IMAGE_DATA, file: string): string {
    return join(this.directory, 'data', name, file);
  }
}

export async function ensureSuitePrograms(options: {
  signal: AbortSignal;
  log: Log;
}): Promise<SuitePrograms> {
  const hash = createHash('sha256').update(await readFile(import.meta.filename));
  const files = (await readdir(MODULE, { recursive: true, withFileTypes: true })).filter(entry =>
    entry.isFile(),
  );
  for (const file of files.map(({ parentPath, name }) => join(parentPath, name)).toSorted())
    hash.update(await readFile(file));
  const directory = join(CACHE_ROOT, `e2e-programs-${hash.digest('hex').slice(0, 16)}`);
  if (await pathExists(directory)) return new SuitePrograms(directory);
  const title = 'e2e suite: building (first time only, about 5 minutes)';
  const advice = 'run it again; what has been compiled is kept. It needs 4 GB of memory and 3 GB of disk.';
  await step(title, { log: options.log, advice }, async () => {
    const scratch = `${directory}.${process.pid}`;
    try {
      await mkdir(scratch, { recursive: true });
      await build(scratch, options);
      await rename(scratch, directory);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
  return new SuitePrograms(directory);
}

async function build(
  directory: string,
  options: { readonly signal: AbortSignal; readonly log: Log },
): Promise<void> {
  const go = { signal: options.signal, env: await ensureGo(options), cwd: MODULE };
  const flags = kubernetesBuildFlags(kubernetesVersion(await readFile(join(MODULE, 'go.mod'), 'utf8')));
  const suite = join(directory, 'suite.test');
  await runOk('go', ['test', '-c', '-vet=off', ...flags, '-o', suite, './suite'], go);
  for (const [program, goPackage] of Object.entries(PACKAGES))
    await runOk('go', ['build', ...flags, '-o', join(directory, program), goPackage], go);
  const pause = join(CHECKOUT, 'hack', 'images', 'pause');
  await runOk('go', ['build', ...flags, '-o', join(directory, 'pause'), '.'], { ...go, cwd: pause });
  await writeFile(
    join(directory, 'conformance.yaml'),
    await runOk(suite, ['--conformance'], { signal: go.signal }),
  );
  const kubernetes = await runOk('go', ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'], go);
  for (const [name, source] of Object.entries(IMAGE_DATA)) {
    const target = join(directory, 'data', name);
    await mkdir(target, { recursive: true });
    for (const file of await readdir(join(kubernetes.trim(), 'test', 'images', source)))
      await cp(join(kubernetes.trim(), 'test', 'images', source, file), join(target, file));
  }
}
