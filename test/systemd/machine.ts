// A machine run by systemd in the place of a sandbox's node: booted by systemd-nspawn inside the node's namespaces, so
// that it has the node's address and ends with it. nodelet is installed as a package would, and not started.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { buildContainerdConfig } from '../../hack/sandbox/containerd-config.ts';
import type { SandboxNode } from '../../hack/sandbox/node.ts';
import { CHECKOUT } from '../../hack/sandbox/paths.ts';
import { CommandError, type RunResult, run } from '../../hack/sandbox/run.ts';
import { quote, shellLine } from '../../hack/sandbox/shell.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = '/run/machine/root'; // on the node
/** The checkout as the node's namespaces and the machine see it, wherever it lies on the host. */
const OUTER_CHECKOUT = '/run/machine/checkout';
const INNER_CHECKOUT = '/opt/nodelet-checkout';
const LIBRARY = '/usr/lib/nodelet';
const SOURCES = ['agent', 'cri-proto', 'cni', 'node_modules', 'package.json'];

interface Options {
  readonly signal: AbortSignal;
}

interface BootOptions extends Options {
  /** A host path that the machine sees as PACKAGES, in the place of an installed nodelet and its configuration. */
  readonly packages?: string;
}

/** Where a machine without nodelet finds the packages it was given. */
export const PACKAGES = '/opt/packages';

export class Machine {
  readonly #node: SandboxNode;

  private constructor(node: SandboxNode) {
    this.#node = node;
  }

  /** Boots the tree, with the node's images and the node's configuration but the systemd cgroup driver. */
  static async boot(node: SandboxNode, tree: string, { signal, packages }: BootOptions): Promise<Machine> {
    await node.containerd.stop();
    await useSystemdDriver(node);
    const script = join(node.directory, 'machine.sh');
    await writeFile(script, bootScript(node.name, tree, packages));
    const logPath = join(node.directory, 'logs', 'machine.log');
    await node.holder.startDaemon('machine', 'unshare', ['--mount', 'sh', script], { logPath, signal });
    const machine = new Machine(node);
    try {
      await waitFor('containerd.service', async () => {
        const { stdout } = await machine.exec('systemctl', ['is-active', 'containerd'], { signal });
        return stdout.trim() === 'active';
      });
    } catch (error) {
      throw new Error(`no boot: ${await readFile(logPath, 'utf8')}`, { cause: error });
    }
    return machine;
  }

  /** Runs a command as root of the machine; any exit status is a result. */
  async exec(command: string, args: readonly string[], { signal }: Options): Promise<RunResult> {
    const init = await this.#findInit();
    const enter = ['--target', String(init), '--all', '--root', '--', 'env', '--chdir=/'];
    return await run('nsenter', [...enter, command, ...args], { signal });
  }

  /** stdout of a command; throws unless it exits with 0. */
  async run(command: string, args: readonly string[], options: Options): Promise<string> {
    const result = await this.exec(command, args, options);
    if (result.exitCode !== 0) throw new CommandError([command, ...args].join(' '), result);
    return result.stdout;
  }

  /** Host pid of systemd. */
  async #findInit(): Promise<number> {
    const nspawn = await this.#node.holder.findDaemon('machine');
    if (nspawn === undefined) throw new Error('systemd-nspawn has ended');
    const children = await readFile(`/proc/${nspawn.pid}/task/${nspawn.pid}/children`, 'utf8');
    for (const pid of children.split(' ').filter(Boolean).map(Number)) {
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => ''); // gone again
      if (name.trim() === 'systemd') return pid;
    }
    throw new Error('systemd does not run yet');
  }
}

async function useSystemdDriver(node: SandboxNode): Promise<void> {
  const agentConfig = node.hostPath('/etc/nodelet/config.yaml');
  const settings: object = parse(await readFile(agentConfig, 'utf8'));
  await writeFile(agentConfig, stringify({ ...settings, cgroupDriver: 'systemd' }));
  const containerdConfig = buildContainerdConfig({
    majorVersion: 1,
    mayLowerOomScore: false,
    cgroupDriver: 'systemd',
  });
  await writeFile(node.hostPath('/etc/containerd/config.toml'), containerdConfig);
}

function bootScript(hostname: string, tree: string, packages: string | undefined): string {
  const write = (path: string, text: string): string =>
    `printf %s ${quote(text)} > ${quote(`${ROOT}${path}`)}`;
  return [
    'set -eu',
    'mkdir -p /run/machine/upper /run/machine/work /run/machine/root',
    `mount -t overlay -o lowerdir=${tree},upperdir=/run/machine/upper,workdir=/run/machine/work overlay ${ROOT}`,
    `mkdir -p ${OUTER_CHECKOUT} && mount --bind ${quote(CHECKOUT)} ${OUTER_CHECKOUT} # it may lie below /tmp`,
    'mount -t tmpfs tmpfs /tmp # where systemd-nspawn leaves its mount points',
    `mkdir -p ${ROOT}/etc/containerd`,
    `cp /etc/containerd/config.toml ${ROOT}/etc/containerd`,
    `cp /etc/machine-id /etc/hostname /etc/hosts ${ROOT}/etc`,
    `rm -f ${ROOT}/etc/resolv.conf && cp /etc/resolv.conf ${ROOT}/etc`,
    ...(packages === undefined ? installCheckout(write) : [`mkdir ${ROOT}${PACKAGES}`]),
    write('/init', INIT),
    `chmod +x ${ROOT}/init`,
    `export ${ENVIRONMENT.join(' ')}`,
    `exec ${shellLine('systemd-nspawn', ...nspawnFlags(hostname, packages), '/init')}`,
    '',
  ].join('\n');
}

function installCheckout(write: (path: string, text: string) => string): readonly string[] {
  return [
    `mkdir -p ${ROOT}${LIBRARY}`,
    `mkdir -m 750 ${ROOT}/etc/nodelet`,
    `cp -a /etc/nodelet/* ${ROOT}/etc/nodelet`,
    `cp ${OUTER_CHECKOUT}/systemd/nodelet.service ${ROOT}/lib/systemd/system`,
    `for source in ${SOURCES.join(' ')}; do ln -s ${INNER_CHECKOUT}/$source ${ROOT}${LIBRARY}/$source; done`,
    `ln -s ${quote(process.execPath)} ${ROOT}${LIBRARY}/node`,
    write(`${LIBRARY}/main.js`, `import './agent/main.ts';\n`),
  ];
}

// systemd-nspawn gives version 1 controllers read-only, which fits a container and no machine.
const INIT = `#!/bin/sh
for controller in /sys/fs/cgroup/*; do mount -o remount,bind,rw "$controller"; done
exec /lib/systemd/systemd
`;

const ENVIRONMENT = ['SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes', 'SYSTEMD_NSPAWN_LOCK=0'];

function nspawnFlags(hostname: string, packages: string | undefined): string[] {
  return [
    '--quiet',
    '--register=no',
    '--keep-unit', // there is no systemd outside to ask for a scope
    `--directory=${ROOT}`,
    `--machine=${hostname}`,
    '--capability=all',
    '--system-call-filter=@keyring bpf', // runc's
    '--resolv-conf=off',
    '--timezone=off',
    '--link-journal=no',
    '--console=pipe',
    '--bind=/var/lib/containerd', // on a disk, because overlays must not stack; it has the images
    ...(packages === undefined
      ? [`--bind-ro=${OUTER_CHECKOUT}:${INNER_CHECKOUT}`, `--bind-ro=${join(process.execPath, '..', '..')}`]
      : [`--bind-ro=${packages}:${PACKAGES}`]),
  ];
}
