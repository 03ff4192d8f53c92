// Tells when the packet rules change, whoever changes them: nf_tables announces each transaction on a netlink socket.
// Node cannot wait for such a socket, but the kernel sends a signal when something arrives there, and Node waits for signals.
import * as libc from './libc.ts';
import { NETLINK_NETFILTER } from './netlink.ts';

// linux/netfilter/nfnetlink.h, nf_tables.h: group NFNLGRP_NFTABLES, message NFT_MSG_NEWGEN, the last of a transaction.
const NFTABLES_GROUP = 7;
const NFT_NEWGEN = (10 << 8) | 15;
const NETLINK_TYPE_OFFSET = 4;

// linux/bpf_common.h: the few instructions of a classic socket filter that are needed here.
const LOAD_HALF_ABSOLUTE = 0x28;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const ALL_BYTES = 0xff_ff_ff_ff;

const MESSAGE_BYTES = 256;

/** The kernel refuses this where it has no nf_tables; with legacy tables it never calls. */
export function watchPacketRules(onChange: () => void): Disposable {
  const fd = libc.socket(libc.AF_NETLINK, libc.SOCK_RAW, NETLINK_NETFILTER);
  if (fd < 0) throw libc.lastError('open netlink socket');
  let isOpen = true;
  // Before the first one can come, and for good, for one that is on its way at the end: unhandled, it ends the process.
  process.on('SIGIO', () => {
    if (isOpen && readAll(fd)) onChange();
  });
  const stop = (): void => {
    isOpen = false;
    libc.close(fd);
  };
  try {
    subscribe(fd);
  } catch (error) {
    stop();
    throw error;
  }
  return { [Symbol.dispose]: stop };
}

function subscribe(fd: number): void {
  const what = 'listen for changes of the packet rules';
  // A transaction of ten thousand Services is announced rule by rule; only its end matters.
  if (libc.attachFilter(fd, endOfTransaction()) < 0) throw libc.lastError(what);
  if (libc.signalWhenReadable(fd) < 0) throw libc.lastError(what);
  if (libc.bind(fd, netlinkAddress(1 << (NFTABLES_GROUP - 1))) < 0) throw libc.lastError(what);
}

/** Whether there was anything; what it says does not matter. */
function readAll(fd: number): boolean {
  const buffer = Buffer.allocUnsafe(MESSAGE_BYTES);
  let hasRead = false;
  // An error is news too: the socket had no room for a message.
  while (libc.receive(fd, buffer) >= 0 || libc.lastErrno() === libc.ENOBUFS) hasRead = true;
  return hasRead;
}

/** struct sockaddr_nl: family, padding, port (0: the kernel chooses one), groups. */
function netlinkAddress(groups: number): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(libc.AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  return address;
}

function endOfTransaction(): Buffer {
  // Filters read in network order what netlink writes in the host's.
  const type = ((NFT_NEWGEN & 0xff) << 8) | (NFT_NEWGEN >> 8);
  return Buffer.concat([
    instruction(LOAD_HALF_ABSOLUTE, NETLINK_TYPE_OFFSET),
    instruction(JUMP_IF_EQUAL, type, 0, 1),
    instruction(RETURN, ALL_BYTES),
    instruction(RETURN, 0),
  ]);
}

/** struct sock_filter; the jumps are instructions to skip when true, when false. */
function instruction(code: number, operand: number, jumpIfTrue = 0, jumpIfFalse = 0): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeUInt16LE(code, 0);
  buffer.writeUInt8(jumpIfTrue, 2);
  buffer.writeUInt8(jumpIfFalse, 3);
  buffer.writeUInt32LE(operand, 4);
  return buffer;
}
