// One /24 per sandbox: a bridge in the control plane's network namespace with one leg to the host and one to each
// node. Node traffic therefore never passes the host's own packet filter.
import { mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { STATE_ROOT } from './paths.ts';
import { type RunOptions, run, runOk } from './run.ts';

const SUBNET_CLAIMS = join(STATE_ROOT, '.subnets');
const MAX_SUBNETS = 250;
const FIRST_NODE_HOST = 10; // node-1 has .11

/** The addresses of sandbox number `index`. */
export interface SandboxSubnet {
  readonly index: number;
  readonly host: string;
  readonly controlPlane: string;
}

/** Beside it in a dual-stack sandbox: the same numbers, of a unique local range. */
function controlPlaneAddress6({ index }: SandboxSubnet): string {
  return `fd00:10:199:${index.toString(16)}::2`;
}

export function nodeAddress6({ index }: SandboxSubnet, nodeNumber: number): string {
  return `fd00:10:199:${index.toString(16)}::${(FIRST_NODE_HOST + nodeNumber).toString(16)}`;
}

export function sandboxSubnet(index: number): SandboxSubnet {
  return { index, host: `10.199.${index}.1`, controlPlane: `10.199.${index}.2` };
}

/** `nodeNumber` counts from 1. */
export function nodeAddress({ index }: SandboxSubnet, nodeNumber: number): string {
  return `10.199.${index}.${FIRST_NODE_HOST + nodeNumber}`;
}

/** The host's end of the leg to this sandbox; 15 bytes at most, which bounds sandbox names. */
export function hostLinkName(sandboxName: string): string {
  return `nl-${sandboxName}`;
}

/** Takes the lowest subnet that neither another sandbox nor the host uses. */
export async function claimSubnet(sandboxName: string): Promise<SandboxSubnet> {
  await mkdir(SUBNET_CLAIMS, { recursive: true });
  const hostAddresses = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? []);
  for (let index = 0; index < MAX_SUBNETS; index++) {
    if (hostAddresses.some(({ address }) => address.startsWith(`10.199.${index}.`))) continue;
    try {
      // Creating a link either succeeds or finds another's claim: no two sandboxes get the same one.
      await symlink(sandboxName, join(SUBNET_CLAIMS, String(index)));
      return sandboxSubnet(index);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
  throw new Error(`all ${MAX_SUBNETS} subnets are taken, see ${SUBNET_CLAIMS}`);
}

/** Gives back whatever the sandbox has claimed. */
export async function releaseSubnets(sandboxName: string): Promise<void> {
  const claims = await readdir(SUBNET_CLAIMS).catch(() => []); // no directory, no claim
  for (const claim of claims) {
    const path = join(SUBNET_CLAIMS, claim);
    if ((await readlink(path)) === sandboxName) await rm(path);
  }
}

export async function ensureControlPlaneNetwork(
  sandboxName: string,
  subnet: SandboxSubnet,
  controlPlanePid: number,
  { isDualStack, ...options }: RunOptions & { readonly isDualStack: boolean },
): Promise<void> {
  if (!(await hasLink(controlPlanePid, 'br0', options))) {
    await configure(
      controlPlanePid,
      [
        'link set lo up',
        'link add br0 type bridge',
        `addr add ${subnet.controlPlane}/24 dev br0`,
        'link set br0 up',
        // Nodes send here what they have no route for, and hear at once that it leads nowhere.
        'route add unreachable default',
        ...(isDualStack
          ? [`addr add ${controlPlaneAddress6(subnet)}/64 dev br0 nodad`, 'route add unreachable ::/0']
          : []),
      ],
      options,
    );
    const forwarding = ['net.ipv4.ip_forward=1', ...(isDualStack ? ['net.ipv6.conf.all.forwarding=1'] : [])];
    await runInNetwork(controlPlanePid, 'sysctl', ['-qw', ...forwarding], options);
  }
  if (await hasLink(controlPlanePid, 'host', options)) return;
  const link = hostLinkName(sandboxName);
  await removeHostLink(sandboxName, options);
  await runOk(
    'ip',
    ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'host', 'netns', String(controlPlanePid)],
    options,
  );
  await runOk('ip', ['addr', 'add', `${subnet.host}/24`, 'dev', link], options);
  await runOk('ip', ['link', 'set', link, 'up'], options);
  await configure(controlPlanePid, ['link set host master br0 up'], options);
}

export async function ensureNodeNetwork(
  {
    nodeName,
    address,
    address6,
    nodePid,
    controlPlanePid,
    subnet,
  }: {
    readonly nodeName: string;
    readonly address: string;
    readonly address6: string | undefined;
    readonly nodePid: number;
    readonly controlPlanePid: number;
    readonly subnet: SandboxSubnet;
  },
  options: RunOptions,
): Promise<void> {
  if (await hasLink(nodePid, 'eth0', options)) return;
  const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', String(nodePid)];
  await runInNetwork(controlPlanePid, 'ip', ['link', 'add', nodeName, ...peer], options);
  await configure(controlPlanePid, [`link set ${nodeName} master br0 up`], options);
  await configure(
    nodePid,
    [
      'link set lo up',
      `addr add ${address}/24 dev eth0`,
      'link set eth0 up',
      `route add default via ${subnet.controlPlane}`,
      ...(address6 === undefined
        ? []
        : [
            `addr add ${address6}/64 dev eth0 nodad`,
            `route add default via ${controlPlaneAddress6(subnet)}`,
          ]),
    ],
    options,
  );
}

/** Lets the control plane reach pods, as the API server's proxy and webhooks need. */
export async function routePods(
  controlPlanePid: number,
  routes: readonly { readonly podCIDR: string; readonly nodeAddress: string }[],
  options: RunOptions,
): Promise<void> {
  const lines = routes.map(({ podCIDR, nodeAddress }) => `route replace ${podCIDR} via ${nodeAddress}`);
  await configure(controlPlanePid, lines, options);
}

/** The link goes by itself when the other end's namespace does; this is for a namespace that somebody holds on to. */
export async function removeHostLink(sandboxName: string, options: RunOptions): Promise<void> {
  await run('ip', ['link', 'delete', hostLinkName(sandboxName)], options);
}

async function hasLink(pid: number, name: string, options: RunOptions): Promise<boolean> {
  const args = ['--target', String(pid), '--net', 'ip', 'link', 'show', 'dev', name];
  return (await run('nsenter', args, options)).exitCode === 0;
}

async function configure(pid: number, lines: readonly string[], options: RunOptions): Promise<void> {
  const batch = { ...options, input: `${lines.join('\n')}\n` };
  await runInNetwork(pid, 'ip', ['-batch', '-'], batch);
}

async function runInNetwork(
  pid: number,
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<void> {
  await runOk('nsenter', ['--target', String(pid), '--net', command, ...args], options);
}
