// Netlink requests, to rtnetlink unless another protocol is named. The kernel answers inside of send(2), so nothing waits; long tables are read in steps that give
// way to the event loop.
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { UnavailableError } from '../lib/errors.ts';
import * as libc from './libc.ts';
import {
  buildNetlinkMessage,
  type NetlinkReply,
  type NetlinkRequest,
  NLM_F_ACK,
  NLM_F_DUMP,
  parseNetlinkReplies,
} from './netlink-message.ts';

const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
const SOL_NETLINK = 270;
// Lets the kernel filter dumps by the fields of the request (Linux 4.20); older ones send all, and we filter anyway.
const NETLINK_GET_STRICT_CHK = 12;

// The kernel sends dumps in datagrams of at most 32 KiB to a reader that offers so much.
const RECEIVE_BYTES = 32 * 1024;
// One object: a route, a link with all its attributes.
const ANSWER_BYTES = 16 * 1024;
// struct sockaddr_nl of the kernel: family, padding, port 0, no groups.
const KERNEL_ADDRESS = Buffer.from([libc.AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
// A dump cut up by changes is taken again this often before it is used as it is.
const DUMP_TRIES = 3;

export interface NetlinkData {
  readonly type: number;
  readonly body: Buffer;
}

/** Sends a change and waits for its acknowledgement: 0, or the errno. */
export async function requestChange(
  what: string,
  request: NetlinkRequest,
  protocol = NETLINK_ROUTE,
): Promise<number> {
  using socket = new NetlinkSocket(protocol);
  socket.send(what, { ...request, flags: request.flags | NLM_F_ACK });
  for (const reply of socket.receive(what)) if (reply.kind === 'error') return reply.errno;
  throw new UnavailableError(`${what}: no acknowledgement`, { code: 'EAGAIN' });
}

/** Sends a question that has one answer; an errno as number when the kernel has none. */
export async function requestOne(
  what: string,
  request: NetlinkRequest,
  protocol = NETLINK_ROUTE,
): Promise<NetlinkData | number> {
  using socket = new NetlinkSocket(protocol);
  return socket.ask(what, request);
}

/** Reads a whole table; what `parse` leaves out is not kept. */
export async function requestDump<T>(
  what: string,
  request: NetlinkRequest,
  parse: (data: NetlinkData) => T | undefined,
  protocol = NETLINK_ROUTE,
): Promise<readonly T[]> {
  for (let attempt = 1; ; attempt++) {
    const { items, isInterrupted } = await dumpOnce(what, request, parse, protocol);
    if (!isInterrupted || attempt === DUMP_TRIES) return items;
  }
}

async function dumpOnce<T>(
  what: string,
  request: NetlinkRequest,
  parse: (data: NetlinkData) => T | undefined,
  protocol: number,
): Promise<{ readonly items: readonly T[]; readonly isInterrupted: boolean }> {
  using socket = new NetlinkSocket(protocol);
  socket.send(what, { ...request, flags: request.flags | NLM_F_DUMP });
  const items: T[] = [];
  for (;;) {
    for (const reply of socket.receive(what)) {
      if (reply.kind === 'error') throw libc.errorOf(what, reply.errno);
      if (reply.kind === 'done') return { items, isInterrupted: reply.isInterrupted };
      const item = parse(reply);
      if (item !== undefined) items.push(item);
    }
    await yieldToEventLoop();
  }
}

/** Kept open by those who ask the same thing all the time. */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  #sequence = 0;

  constructor(protocol: number) {
    this.#fd = libc.socket(libc.AF_NETLINK, libc.SOCK_RAW, protocol);
    if (this.#fd < 0) throw libc.lastError('open netlink socket');
    libc.setSocketOption(this.#fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
  }

  send(what: string, request: NetlinkRequest): void {
    const message = buildNetlinkMessage(request, ++this.#sequence);
    if (libc.sendTo(this.#fd, message, KERNEL_ADDRESS) < 0) throw libc.lastError(what);
  }

  /** A question that has one answer; an errno as number when the kernel has none. */
  ask(what: string, request: NetlinkRequest, answerBytes = ANSWER_BYTES): NetlinkData | number {
    this.send(what, request);
    for (const reply of this.receive(what, answerBytes)) {
      if (reply.kind === 'data') return reply;
      if (reply.kind === 'error') return reply.errno;
    }
    throw new UnavailableError(`${what}: no answer`, { code: 'EAGAIN' });
  }

  /** The replies of the next datagram. */
  receive(what: string, sizeBytes = RECEIVE_BYTES): readonly NetlinkReply[] {
    const buffer = Buffer.allocUnsafe(sizeBytes);
    const length = libc.receive(this.#fd, buffer);
    if (length < 0) throw libc.lastError(what);
    if (length > buffer.length) throw new UnavailableError(`${what}: answer cut off`, { code: 'EMSGSIZE' });
    return parseNetlinkReplies(buffer.subarray(0, length)).filter(
      ({ sequence }) => sequence === this.#sequence,
    );
  }

  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }
}
