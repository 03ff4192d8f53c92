import t from 'tap';
import { decodeStatus, encodeRequest } from './grpc-probe.ts';

t.test('encodeRequest() writes field 1', async t => {
  t.same([...encodeRequest('')], []);
  t.same([...encodeRequest('ab')], [0x0a, 2, 0x61, 0x62]);
  t.same([...encodeRequest('x'.repeat(200)).subarray(0, 3)], [0x0a, 0xc8, 1]);
});

t.test('decodeStatus() reads field 1', async t => {
  t.equal(decodeStatus(Buffer.from([])), 'UNKNOWN');
  t.equal(decodeStatus(Buffer.from([8, 1])), 'SERVING');
  t.equal(decodeStatus(Buffer.from([8, 2])), 'NOT_SERVING');
  t.equal(decodeStatus(Buffer.from([8, 9])), '9');
});
