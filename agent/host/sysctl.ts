// Kernel parameters under /proc/sys. A value that cannot be set is an outcome, not an error: the doctor tells of it, and
// a node in a container has half of them read-only.
import { readFile, writeFile } from 'node:fs/promises';
import { errorMessage } from '../lib/errors.ts';
import { mapHostError, systemErrorCode } from './errors.ts';

export interface Sysctl {
  /** With slashes, since an interface name may have dots: `net/ipv4/conf/eth0.10/forwarding`. */
  readonly name: string;
  readonly value: string;
  readonly why: string;
}

/** What the kubelet sets, or with protectKernelDefaults only compares. */
export const KUBELET_SYSCTLS: readonly Sysctl[] = [
  { name: 'vm/overcommit_memory', value: '1', why: 'limits are per cgroup, not per machine' },
  { name: 'vm/panic_on_oom', value: '0', why: 'an out-of-memory container must not end the machine' },
  { name: 'kernel/panic', value: '10', why: 'a machine that crashed comes back by itself' },
  { name: 'kernel/panic_on_oops', value: '1', why: 'a damaged kernel reports health it has not' },
  { name: 'kernel/keys/root_maxkeys', value: '1000000', why: 'each container has a key ring of root' },
  { name: 'kernel/keys/root_maxbytes', value: '25000000', why: '25 bytes for each of these keys' },
];

/** What routed pod traffic and Services on a bridge need; the bridge ones exist once br_netfilter is loaded. */
export const NETWORK_SYSCTLS: readonly Sysctl[] = [
  { name: 'net/ipv4/ip_forward', value: '1', why: 'the node routes for its pods' },
  { name: 'net/ipv6/conf/all/forwarding', value: '1', why: 'the node routes for its pods' },
  {
    name: 'net/bridge/bridge-nf-call-iptables',
    value: '1',
    why: 'answers between pods of one node pass the Service rules too',
  },
  {
    name: 'net/bridge/bridge-nf-call-ip6tables',
    value: '1',
    why: 'answers between pods of one node pass the Service rules too',
  },
];

export type SysctlOutcome =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'changed'; readonly previous: string }
  /** The kernel or this namespace does not have it. */
  | { readonly kind: 'missing' }
  /** Read-only, not permitted or refused; `message` says which. */
  | { readonly kind: 'denied'; readonly actual: string; readonly message: string };

/** The value with single blanks between its parts; undefined when there is no such parameter. */
export async function readSysctl(name: string): Promise<string | undefined> {
  try {
    return normalize(await readFile(sysctlFile(name), 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw mapHostError(error);
  }
}

export async function ensureSysctl({ name, value }: Pick<Sysctl, 'name' | 'value'>): Promise<SysctlOutcome> {
  const previous = await readSysctl(name);
  if (previous === undefined) return { kind: 'missing' };
  if (previous === normalize(value)) return { kind: 'unchanged' };
  try {
    await writeFile(sysctlFile(name), value, { flag: 'r+' });
    return { kind: 'changed', previous };
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return { kind: 'denied', actual: previous, message: errorMessage(error) };
  }
}

function normalize(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}

/** `/proc/sys` and the name; a name without a slash has dots for slashes, as sysctl(8) takes it. */
function sysctlFile(name: string): string {
  return `/proc/sys/${name.includes('/') ? name : name.replaceAll('.', '/')}`;
}
