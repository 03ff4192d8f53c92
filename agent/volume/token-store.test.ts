import t from 'tap';
import { parsePublishedToken, refreshAtMs, type TokenRequest } from './token-store.ts';

const HOUR_MS = 3_600_000;

t.test('refreshAtMs() is 80 % of the life asked for, at most a day', async t => {
  const rows: [number, number][] = [
    // seconds asked for, refreshed after
    [600, 480_000],
    [3607, 2_885_600],
    [24 * 3600, 19.2 * HOUR_MS],
    [48 * 3600, 24 * HOUR_MS],
  ];
  for (const [expirationSeconds, afterMs] of rows) {
    const issuedAtMs = 1_000_000;
    t.equal(refreshAtMs({ issuedAtMs, lifeMs: expirationSeconds * 1000 }) - issuedAtMs, afterMs);
  }
});

const request: TokenRequest = {
  podUID: 'u-1',
  podName: 'p',
  namespace: 'n',
  serviceAccountName: 'default',
  audience: '',
  expirationSeconds: 3607,
};

function tokenWith(claims: unknown): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part(claims)}.signature`;
}

t.test('parsePublishedToken() takes over only what the same request would have got', async t => {
  const claims = {
    iat: 1000,
    exp: 31_537_000,
    aud: ['api'],
    'kubernetes.io': { pod: { name: 'p', uid: 'u-1' } },
  };
  t.same(parsePublishedToken(tokenWith(claims), request), {
    token: tokenWith(claims),
    issuedAtMs: 1_000_000,
    lifeMs: 3_607_000,
  });
  t.ok(parsePublishedToken(tokenWith(claims), { ...request, audience: 'api' }));
  t.equal(parsePublishedToken(tokenWith(claims), { ...request, audience: 'vault' }), undefined);
  t.equal(parsePublishedToken(tokenWith(claims), { ...request, podUID: 'other' }), undefined);
  t.equal(parsePublishedToken(tokenWith({ ...claims, iat: 'x' }), request), undefined);
  for (const text of ['', 'x', 'a.b.c', 'a..c', tokenWith(null), tokenWith(claims).slice(0, 40)]) {
    t.equal(parsePublishedToken(text, request), undefined);
  }
});
