// The kernel's connection tracking table over netlink: which flows go where, and making it forget some.
import { errnoName } from './errors.ts';
import { formatIP, type IPFamily } from './ip-address.ts';
import * as libc from './libc.ts';
import { NETLINK_NETFILTER, requestChange, requestDump } from './netlink.ts';
import { type NetlinkAttribute, parseAttributes } from './netlink-message.ts';

// linux/netfilter/nfnetlink_conntrack.h
const CT_GET = (1 << 8) | 1;
const CT_DELETE = (1 << 8) | 2;
const NFGENMSG_BYTES = 4;
const NESTED = 0x8000; // NLA_F_NESTED
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
// CTA_IP_V4_SRC and _DST are 1 and 2, those of IPv6 3 and 4.
const SOURCE: Readonly<Record<IPFamily, number>> = { 4: 1, 6: 3 };

export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;

export interface FlowEnds {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

export interface Flow {
  readonly family: IPFamily;
  readonly protocol: number;
  /** As the first packet came. */
  readonly original: FlowEnds;
  /** As answers come: its source is where packets were really sent. */
  readonly reply: FlowEnds;
  /** Names the flow to the kernel. */
  readonly handle: readonly NetlinkAttribute[];
}

/** The flows of one protocol, e.g. IPPROTO_UDP. */
export function listFlows(family: IPFamily, protocol: number): Promise<readonly Flow[]> {
  const request = { type: CT_GET, flags: 0, header: header(family) };
  const parse = ({ body }: { readonly body: Buffer }): Flow | undefined => parseFlow(body, family, protocol);
  return requestDump('list connections', request, parse, NETLINK_NETFILTER);
}

/** A flow that is gone already is as good as deleted. */
export async function deleteFlow({ family, handle }: Flow): Promise<void> {
  const what = 'delete a connection';
  const request = { type: CT_DELETE, flags: 0, header: header(family), attributes: handle };
  const errno = await requestChange(what, request, NETLINK_NETFILTER);
  if (errno !== 0 && errnoName(errno) !== 'ENOENT') throw libc.errorOf(what, errno);
}

function header(family: IPFamily): Buffer {
  return Buffer.from([family === 4 ? libc.AF_INET : libc.AF_INET6, 0, 0, 0]);
}

function parseFlow(body: Buffer, family: IPFamily, wantedProtocol: number): Flow | undefined {
  const attributes = parseAttributes(body, NFGENMSG_BYTES);
  const [original, reply, id] = [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_ID].map(type => attributes.get(type));
  if (!original || !reply) return undefined;
  const there = parseTuple(original, family);
  if (there?.protocol !== wantedProtocol) return undefined;
  const back = parseTuple(reply, family);
  if (!back) return undefined;
  const handle: NetlinkAttribute[] = [[CTA_TUPLE_ORIG | NESTED, original]];
  if (id) handle.push([CTA_ID, id]);
  return { family, protocol: there.protocol, original: there.ends, reply: back.ends, handle };
}

function parseTuple(tuple: Buffer, family: IPFamily): { protocol: number; ends: FlowEnds } | undefined {
  const parts = parseAttributes(tuple, 0);
  const [ip, proto] = [parts.get(CTA_TUPLE_IP), parts.get(CTA_TUPLE_PROTO)];
  if (!ip || !proto) return undefined;
  const addresses = parseAttributes(ip, 0);
  const ports = parseAttributes(proto, 0);
  const [source, destination] = [addresses.get(SOURCE[family]), addresses.get(SOURCE[family] + 1)];
  if (!source || !destination) return undefined;
  return {
    protocol: ports.get(CTA_PROTO_NUM)?.[0] ?? 0,
    ends: {
      source: formatIP(source),
      sourcePort: ports.get(CTA_PROTO_SRC_PORT)?.readUInt16BE(0) ?? 0,
      destination: formatIP(destination),
      destinationPort: ports.get(CTA_PROTO_DST_PORT)?.readUInt16BE(0) ?? 0,
    },
  };
}
