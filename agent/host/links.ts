// Network interfaces and their addresses, those that are down included (os.networkInterfaces leaves them out).
import { errnoName } from './errors.ts';
import { formatIP, type IPFamily } from './ip-address.ts';
import { errorOf } from './libc.ts';
import { requestChange, requestDump, requestOne } from './netlink.ts';
import { parseAttributes, uint32 } from './netlink-message.ts';

// linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_GETADDR = 22;
const IFINFOMSG_BYTES = 16;
const IFADDRMSG_BYTES = 8;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_EXT_MASK = 29;
const RTEXT_FILTER_SKIP_STATS = 8; // counters are two thirds of an answer
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;
const AF_INET6 = 10;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
  /** Lower case with colons; undefined for a link without. */
  readonly macAddress: string | undefined;
  readonly isUp: boolean;
  readonly isLoopback: boolean;
}

export interface LinkAddress {
  readonly linkIndex: number;
  readonly family: IPFamily;
  readonly address: string;
  readonly prefixLength: number;
  /** 0 global, 253 link, 254 host (rtnetlink(7) scopes). */
  readonly scope: number;
}

const LINK_FILTER = [[IFLA_EXT_MASK, uint32(RTEXT_FILTER_SKIP_STATS)]] as const;

export function listLinks(): Promise<readonly Link[]> {
  const header = Buffer.alloc(IFINFOMSG_BYTES);
  const request = { type: RTM_GETLINK, flags: 0, header, attributes: LINK_FILTER };
  return requestDump('list links', request, ({ body }) => parseLink(body));
}

/** undefined when there is no such link. */
export async function findLink(index: number): Promise<Link | undefined> {
  const header = Buffer.alloc(IFINFOMSG_BYTES);
  header.writeInt32LE(index, 4);
  const what = `look up link ${index}`;
  const reply = await requestOne(what, { type: RTM_GETLINK, flags: 0, header, attributes: LINK_FILTER });
  if (typeof reply !== 'number') return parseLink(reply.body);
  if (errnoName(reply) === 'ENODEV') return undefined;
  throw errorOf(what, reply);
}

/** One that is not there is removed. */
export async function removeLink(index: number): Promise<void> {
  const header = Buffer.alloc(IFINFOMSG_BYTES);
  header.writeInt32LE(index, 4);
  const what = `remove link ${index}`;
  const errno = await requestChange(what, { type: RTM_DELLINK, flags: 0, header, attributes: [] });
  if (errno !== 0 && errnoName(errno) !== 'ENODEV') throw errorOf(what, errno);
}

export function listAddresses(): Promise<readonly LinkAddress[]> {
  const request = { type: RTM_GETADDR, flags: 0, header: Buffer.alloc(IFADDRMSG_BYTES) };
  return requestDump('list addresses', request, ({ body }) => parseAddress(body));
}

function parseLink(body: Buffer): Link {
  const attributes = parseAttributes(body, IFINFOMSG_BYTES);
  const flags = body.readUInt32LE(8);
  const name = attributes.get(IFLA_IFNAME)?.toString('utf8') ?? '';
  return {
    index: body.readInt32LE(4),
    name: name.replace(/\0.*$/, ''),
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    macAddress: attributes.get(IFLA_ADDRESS)?.toString('hex').match(/../g)?.join(':'),
    isUp: (flags & IFF_UP) !== 0,
    isLoopback: (flags & IFF_LOOPBACK) !== 0,
  };
}

function parseAddress(body: Buffer): LinkAddress | undefined {
  const attributes = parseAttributes(body, IFADDRMSG_BYTES);
  // On a point-to-point link IFA_ADDRESS is the peer's and IFA_LOCAL ours; IPv6 has no IFA_LOCAL elsewhere.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (!bytes) return undefined;
  return {
    linkIndex: body.readUInt32LE(4),
    family: body.readUInt8(0) === AF_INET6 ? 6 : 4,
    address: formatIP(bytes),
    prefixLength: body.readUInt8(1),
    scope: body.readUInt8(3),
  };
}
