// A machine with a kernel of its own. Its processor is emulated, so that the test runs where there is no KVM.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, type RunResult, run } from '../../hack/sandbox/run.ts';
import { waitFor } from '../support/wait-for.ts';
import type { DebianDisk } from './debian-disk.ts';
import { GuestAgent } from './guest-agent.ts';

const BOOT_DEADLINE_MS = 180_000;
const BOOT_POLL_MS = 500;
const END_DEADLINE_MS = 150_000; // longer than the 90 s that systemd gives to what does not end

interface Options {
  readonly signal: AbortSignal;
}

interface StartOptions extends Options {
  readonly name: string;
  readonly disk: DebianDisk;
  /** A second disk, which the machine finds as /dev/vdb. */
  readonly filesDisk: string;
  /** For sockets. */
  readonly directory: string;
  /** For what its serial console says. */
  readonly consoles: string;
  readonly memoryMiB: number;
  /** Arguments that give the machine the network device `net0`. */
  readonly network: readonly string[];
}

export class VirtualMachine {
  readonly name: string;
  readonly consolePath: string;
  readonly #agentPath: string;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<RunResult>;

  /** Switches it on. What it writes to its disk goes with it. */
  constructor(options: StartOptions) {
    const { name, directory, consoles, signal } = options;
    this.name = name;
    this.consolePath = join(consoles, `${name}.log`);
    this.#agentPath = join(directory, `${name}.agent`);
    this.#ended = run('qemu-system-x86_64', buildArguments(options, this.#agentPath, this.consolePath), {
      signal: AbortSignal.any([signal, this.#stopping.signal]),
    });
    this.#ended.catch(() => undefined); // whoever waits for the end is told
  }

  /** stdout of a script; throws unless it exits with 0. */
  async run(script: string, options: Options): Promise<string> {
    const result = await this.exec(script, options);
    if (result.exitCode !== 0) throw new CommandError(`${this.name}: ${script}`, result);
    return result.stdout;
  }

  /** Runs a script with bash; any exit status is a result. */
  async exec(script: string, { signal }: Options): Promise<RunResult> {
    const agent = await GuestAgent.connect(this.#agentPath);
    try {
      return await agent.run(script, { signal });
    } finally {
      agent.close();
    }
  }

  /** Waits until systemd has started all it has to. */
  async untilBooted(options: Options): Promise<void> {
    await waitFor(`${this.name} to boot`, () => this.#bootId(options), {
      deadlineMs: BOOT_DEADLINE_MS,
      pollMs: BOOT_POLL_MS,
    });
    await this.exec('systemctl is-system-running --wait', options);
  }

  async reboot(options: Options): Promise<void> {
    const before = await this.#bootId(options);
    // The answer may be lost: the guest agent of the next boot does not know the command.
    await this.exec('systemctl reboot', options).catch(() => undefined);
    await waitFor(
      `${this.name} to boot again`,
      async () => ![before, undefined].includes(await this.#bootId(options)),
      { deadlineMs: BOOT_DEADLINE_MS + END_DEADLINE_MS, pollMs: BOOT_POLL_MS },
    );
    await this.untilBooted(options);
  }

  /** Shuts the machine down in good order and waits until it is off. */
  async powerOff(options: Options): Promise<{ readonly seconds: number; readonly console: string }> {
    const startedAtMs = performance.now();
    const before = (await readFile(this.consolePath, 'utf8')).length;
    await this.exec('systemctl poweroff', options);
    const expired = AbortSignal.timeout(END_DEADLINE_MS);
    const timeout = new Promise<never>((_, reject) => {
      expired.addEventListener('abort', () => {
        reject(new Error(`${this.name} is not off after ${END_DEADLINE_MS / 1000} s`));
      });
    });
    await Promise.race([this.#ended, timeout]);
    const text = (await readFile(this.consolePath, 'utf8')).slice(before);
    return { seconds: (performance.now() - startedAtMs) / 1000, console: text };
  }

  /** As if somebody had pulled the plug; one that is off is done. */
  async destroy(): Promise<void> {
    this.#stopping.abort();
    await this.#ended.catch(() => undefined); // killed, as it was to be
  }

  async #bootId(options: Options): Promise<string | undefined> {
    const { exitCode, stdout } = await this.exec('cat /proc/sys/kernel/random/boot_id', options);
    return exitCode === 0 ? stdout : undefined;
  }
}

function buildArguments(
  { name, disk, filesDisk, memoryMiB, network }: StartOptions,
  agentPath: string,
  consolePath: string,
): readonly string[] {
  const drive = (file: string): string => `file=${file},format=raw,if=virtio,cache=unsafe,snapshot=on`;
  return [
    ['-nodefaults', '-no-user-config', '-display', 'none'],
    ['-machine', 'q35,accel=tcg', '-cpu', 'max', '-smp', '2', '-m', `${memoryMiB}`],
    ['-kernel', disk.kernel, '-initrd', disk.initialRamdisk],
    ['-append', `root=/dev/vda rw console=ttyS0 systemd.hostname=${name} systemd.show_status=true`],
    ['-drive', drive(disk.root), '-drive', drive(filesDisk)],
    ['-serial', `file:${consolePath}`],
    ['-device', 'virtio-serial', '-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
    ['-chardev', `socket,id=agent,path=${agentPath},server=on,wait=off`],
    ['-device', 'virtio-rng-pci'], // certificates are made at once
    network,
  ].flat();
}

/** Made by QEMU of its router's address, 10.0.2.2. */
export const ROUTER_MAC = '52:55:0a:00:02:02';

/** Two machines on one wire, with QEMU's own router at the first: `first` and `second` are the wire's ends. */
export function buildNetworks(directory: string): readonly [first: string[], second: string[]] {
  const ends = ['first', 'second'].map(name => join(directory, `${name}.wire`));
  const wire = (id: string, local = '', remote = ''): string =>
    `dgram,id=${id},local.type=unix,local.path=${local},remote.type=unix,remote.path=${remote}`;
  const device = (mac: string): string[] => ['-device', `virtio-net-pci,netdev=net0,mac=${mac}`];
  return [
    [
      ['-netdev', 'user,id=router', '-netdev', wire('wire', ends[0], ends[1])],
      ['-netdev', 'hubport,id=net0,hubid=0'],
      [
        '-netdev',
        'hubport,id=port1,hubid=0,netdev=router',
        '-netdev',
        'hubport,id=port2,hubid=0,netdev=wire',
      ],
      device('52:54:00:00:00:01'),
    ].flat(),
    ['-netdev', wire('net0', ends[1], ends[0]), ...device('52:54:00:00:00:02')],
  ];
}
