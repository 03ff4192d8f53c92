// Netlink messages as bytes: header, fixed part, attributes; netlink(7), rtnetlink(7). Both of our architectures are
// little-endian, which is the host order netlink uses.

const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

const NLM_F_DUMP_INTR = 0x10;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
const ATTRIBUTE_TYPE_MASK = 0x3fff; // the upper two bits are flags

export type NetlinkAttribute = readonly [type: number, value: Buffer];

export interface NetlinkRequest {
  readonly type: number;
  readonly flags: number;
  /** The family's own header, e.g. struct rtmsg. */
  readonly header: Buffer;
  readonly attributes?: readonly NetlinkAttribute[];
}

export function buildNetlinkMessage(request: NetlinkRequest, sequence: number): Buffer {
  const parts = [Buffer.alloc(HEADER_BYTES), padded(request.header)];
  for (const [type, value] of request.attributes ?? []) parts.push(buildAttribute(type, value));
  const message = Buffer.concat(parts);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(request.type, 4);
  message.writeUInt16LE(request.flags | NLM_F_REQUEST, 6);
  message.writeUInt32LE(sequence, 8);
  return message;
}

function buildAttribute(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(ATTRIBUTE_HEADER_BYTES);
  header.writeUInt16LE(ATTRIBUTE_HEADER_BYTES + value.length, 0);
  header.writeUInt16LE(type, 2);
  return padded(Buffer.concat([header, value]));
}

function padded(buffer: Buffer): Buffer {
  const rest = buffer.length % 4;
  return rest === 0 ? buffer : Buffer.concat([buffer, Buffer.alloc(4 - rest)]);
}

export function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

export type NetlinkReply =
  | { readonly kind: 'data'; readonly type: number; readonly sequence: number; readonly body: Buffer }
  /** The end of a dump; `isInterrupted` when the table changed meanwhile and the answer may have holes. */
  | { readonly kind: 'done'; readonly sequence: number; readonly isInterrupted: boolean }
  /** errno 0 is an acknowledgement. */
  | { readonly kind: 'error'; readonly sequence: number; readonly errno: number };

/** The messages of one datagram. */
export function parseNetlinkReplies(datagram: Buffer): readonly NetlinkReply[] {
  const replies: NetlinkReply[] = [];
  for (let offset = 0; offset + HEADER_BYTES <= datagram.length; ) {
    const length = datagram.readUInt32LE(offset);
    if (length < HEADER_BYTES || offset + length > datagram.length) break;
    replies.push(parseReply(datagram.subarray(offset, offset + length)));
    offset += align4(length);
  }
  return replies;
}

function parseReply(message: Buffer): NetlinkReply {
  const type = message.readUInt16LE(4);
  const sequence = message.readUInt32LE(8);
  const body = message.subarray(HEADER_BYTES);
  if (type === NLMSG_ERROR) return { kind: 'error', sequence, errno: -body.readInt32LE(0) };
  if (type !== NLMSG_DONE) return { kind: 'data', type, sequence, body };
  const errno = body.length >= 4 ? -body.readInt32LE(0) : 0;
  if (errno > 0) return { kind: 'error', sequence, errno };
  return { kind: 'done', sequence, isInterrupted: (message.readUInt16LE(6) & NLM_F_DUMP_INTR) !== 0 };
}

/** Attributes after the fixed part; of one that repeats, the last. */
export function parseAttributes(body: Buffer, headerBytes: number): ReadonlyMap<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let offset = align4(headerBytes); offset + ATTRIBUTE_HEADER_BYTES <= body.length; ) {
    const length = body.readUInt16LE(offset);
    if (length < ATTRIBUTE_HEADER_BYTES || offset + length > body.length) break;
    const type = body.readUInt16LE(offset + 2) & ATTRIBUTE_TYPE_MASK;
    attributes.set(type, body.subarray(offset + ATTRIBUTE_HEADER_BYTES, offset + length));
    offset += align4(length);
  }
  return attributes;
}

function align4(length: number): number {
  return (length + 3) & ~3;
}
