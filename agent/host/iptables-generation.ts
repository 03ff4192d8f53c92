// Has anybody changed the packet rules? Answered by one system call, so that it can be asked several times a second.

import type { IPFamily } from './ip-address.ts';
import type { IptablesBackend } from './iptables.ts';
import * as libc from './libc.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink.ts';
import { parseAttributes } from './netlink-message.ts';

// linux/netfilter/nfnetlink.h, nf_tables.h: message NFT_MSG_GETGEN of the subsystem nf_tables.
const NFT_GETGEN = (10 << 8) | 16;
const NFGENMSG_BYTES = 4;
const NFTA_GEN_ID = 1;
const ANSWER_BYTES = 512;
const GETGEN_REQUEST = { type: NFT_GETGEN, flags: 0, header: Buffer.alloc(NFGENMSG_BYTES) };

// linux/netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h: struct ipt_getinfo begins with the table's name.
const IPT_SO_GET_INFO = 64;
const GETINFO_BYTES = 84;
const NUM_ENTRIES_OFFSET = 76;
const SOL_IP = 0;
const SOL_IPV6 = 41;
const IPPROTO_RAW = 255;
const LEGACY_TABLES = ['nat', 'filter', 'mangle'];

/** A text that changes when the rules do: always with nft, with legacy when their number does. */
export function readRulesGeneration(family: IPFamily, backend: IptablesBackend): string {
  return backend === 'nft' ? readNftGeneration() : readLegacyCounts(family);
}

// Open from the first question on: opening and closing would be most of the work.
let netfilter: NetlinkSocket | undefined;

function readNftGeneration(): string {
  const what = 'read the generation of the packet rules';
  try {
    netfilter ??= new NetlinkSocket(NETLINK_NETFILTER);
    const reply = netfilter.ask(what, GETGEN_REQUEST, ANSWER_BYTES);
    if (typeof reply === 'number') throw libc.errorOf(what, reply);
    return parseAttributes(reply.body, NFGENMSG_BYTES).get(NFTA_GEN_ID)?.toString('hex') ?? '';
  } catch (error) {
    netfilter?.[Symbol.dispose]();
    netfilter = undefined;
    throw error;
  }
}

function readLegacyCounts(family: IPFamily): string {
  const what = 'count the packet rules';
  const fd = libc.socket(family === 4 ? libc.AF_INET : libc.AF_INET6, libc.SOCK_RAW, IPPROTO_RAW);
  if (fd < 0) throw libc.lastError(what);
  try {
    return LEGACY_TABLES.map(table => {
      const info = Buffer.alloc(GETINFO_BYTES);
      info.write(table);
      const level = family === 4 ? SOL_IP : SOL_IPV6;
      if (libc.getSocketOption(fd, level, IPT_SO_GET_INFO, info) < 0) throw libc.lastError(what);
      return info.readUInt32LE(NUM_ENTRIES_OFFSET);
    }).join(' ');
  } finally {
    libc.close(fd);
  }
}
