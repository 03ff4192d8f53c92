import t from 'tap';
import { bearerToken, withoutToken } from './bearer-token.ts';

const encoded = `base64url.bearer.authorization.k8s.io.${Buffer.from('secret').toString('base64url')}`;

void t.test('bearerToken()', async t => {
  t.equal(bearerToken({ authorization: 'Bearer abc' }), 'abc');
  t.equal(bearerToken({ authorization: 'bearer abc' }), 'abc');
  t.equal(bearerToken({ authorization: 'Basic abc' }), undefined);
  t.equal(bearerToken({ authorization: 'Bearer ' }), undefined);
  t.equal(bearerToken({}), undefined);
  const websocket = { upgrade: 'websocket' };
  t.equal(bearerToken({ ...websocket, 'sec-websocket-protocol': `${encoded}, v4.channel.k8s.io` }), 'secret');
  t.equal(bearerToken({ ...websocket, 'sec-websocket-protocol': encoded }), undefined, 'alone');
  t.equal(
    bearerToken({ 'sec-websocket-protocol': `${encoded}, v4.channel.k8s.io` }),
    undefined,
    'no WebSocket',
  );
  t.equal(
    bearerToken({ ...websocket, 'sec-websocket-protocol': `${encoded}, ${encoded}, x` }),
    undefined,
    'two',
  );
});

void t.test('withoutToken()', async t => {
  t.equal(withoutToken(`${encoded}, v4.channel.k8s.io`), 'v4.channel.k8s.io');
});
