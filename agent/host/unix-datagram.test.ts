import t from 'tap';
import { buildUnixAddress } from './unix-datagram.ts';

t.test('buildUnixAddress() knows file system and abstract sockets', async t => {
  t.same(buildUnixAddress('/run/x'), Buffer.from('\x01\x00/run/x\0', 'latin1'));
  t.same(buildUnixAddress('@abc'), Buffer.from('\x01\x00\0abc', 'latin1'));
});
