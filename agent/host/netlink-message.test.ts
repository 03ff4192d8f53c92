import t from 'tap';
import {
  buildNetlinkMessage,
  NLM_F_ACK,
  parseAttributes,
  parseNetlinkReplies,
  uint32,
} from './netlink-message.ts';

t.test('buildNetlinkMessage() pads attributes and writes the header', async t => {
  const message = buildNetlinkMessage(
    {
      type: 24,
      flags: NLM_F_ACK,
      header: Buffer.alloc(12),
      attributes: [
        [1, Buffer.from([10, 0, 0])],
        [4, uint32(7)],
      ],
    },
    9,
  );
  t.equal(message.length, 16 + 12 + 8 + 8);
  t.equal(message.readUInt32LE(0), message.length);
  t.same([message.readUInt16LE(4), message.readUInt16LE(6), message.readUInt32LE(8)], [24, 5, 9]);
  const attributes = parseAttributes(message.subarray(16), 12);
  t.same(
    [...attributes],
    [
      [1, Buffer.from([10, 0, 0])],
      [4, uint32(7)],
    ],
  );
});

t.test('parseNetlinkReplies() tells data, the end, errors and acknowledgements apart', async t => {
  const message = (type: number, flags: number, body: Buffer): Buffer => {
    const built = buildNetlinkMessage({ type, flags: 0, header: body }, 1);
    built.writeUInt16LE(flags, 6);
    return built;
  };
  const errno = (value: number): Buffer => {
    const body = Buffer.alloc(20);
    body.writeInt32LE(value);
    return body;
  };
  const datagram = Buffer.concat([
    message(24, 2, Buffer.alloc(12)),
    message(2, 0, errno(-17)),
    message(2, 0, errno(0)),
    message(3, 0x10, errno(0)),
  ]);
  t.match(parseNetlinkReplies(datagram), [
    { kind: 'data', type: 24 },
    { kind: 'error', errno: 17 },
    { kind: 'error', errno: 0 },
    { kind: 'done', isInterrupted: true },
  ]);
  t.equal(parseNetlinkReplies(datagram.subarray(0, 40)).length, 1, 'a cut message is left out');
});
