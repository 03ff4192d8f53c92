import t from 'tap';
import { parseK3sToken } from './k3s-token.ts';

const HASH = 'ab'.repeat(32);
const basic = (password: string): string => `Basic ${Buffer.from(`node:${password}`).toString('base64')}`;
const rows: readonly (readonly [token: string, caHash: string | undefined, authorization: string])[] = [
  [`K10${HASH}::server:secret`, HASH, basic('secret')],
  [`K10${HASH}::node:se:cret\n`, HASH, basic('se:cret')],
  [`K10${HASH}::abcdef.0123456789abcdef`, HASH, 'Bearer abcdef.0123456789abcdef'],
  ['secret', undefined, basic('secret')],
  ['abcdef.0123456789abcdef', undefined, 'Bearer abcdef.0123456789abcdef'],
];
for (const [token, caHash, authorization] of rows) {
  t.test(`parseK3sToken() reads ${token.trim()}`, async t => {
    t.same(parseK3sToken(token), { caHash, authorization });
  });
}

t.test('parseK3sToken() says what is wrong', async t => {
  t.throws(() => parseK3sToken('K10abc::server:x'), /expected K10, 64 hexadecimal digits/);
  t.throws(() => parseK3sToken(`K10${HASH}::`), /expected K10/);
  t.throws(() => parseK3sToken(' '), /it is empty/);
});
