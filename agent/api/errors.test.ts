import t from 'tap';
import { errorFromResponse, errorFromStatus, errorFromTransport } from './errors.ts';

const rows: readonly [number, string, string][] = [
  [400, 'BadRequest', 'InvalidError'],
  [401, 'Unauthorized', 'DeniedError'],
  [403, 'Forbidden', 'DeniedError'],
  [404, 'NotFound', 'NotFoundError'],
  [409, 'AlreadyExists', 'AlreadyExistsError'],
  [409, 'Conflict', 'ConflictError'],
  [410, 'Expired', 'ExpiredError'],
  [410, 'Gone', 'ExpiredError'],
  [413, 'RequestEntityTooLarge', 'InvalidError'],
  [415, 'UnsupportedMediaType', 'InvalidError'],
  [422, 'Invalid', 'InvalidError'],
  [429, 'TooManyRequests', 'UnavailableError'],
  [500, 'InternalError', 'UnavailableError'],
  [503, 'ServiceUnavailable', 'UnavailableError'],
  [504, 'Timeout', 'UnavailableError'],
];

for (const [code, reason, name] of rows) {
  void t.test(`errorFromStatus() ${code} ${reason} is a ${name}`, async t => {
    t.match(errorFromStatus({ code, reason, message: 'words' }), { name, code: reason, message: 'words' });
  });
}

const failure = { method: 'GET', path: '/x', statusCode: 503, body: '', retryAfter: undefined };

void t.test('errorFromResponse() takes the wait from the header, else from the body', async t => {
  const details = { retryAfterSeconds: 3 };
  const body = JSON.stringify({ kind: 'Status', message: 'busy', reason: 'TooManyRequests', details });
  t.match(errorFromResponse({ ...failure, body, retryAfter: '7' }), { retryAfterMs: 7000, message: 'busy' });
  t.match(errorFromResponse({ ...failure, body }), { retryAfterMs: 3000 });
  t.match(errorFromResponse(failure), { retryAfterMs: undefined });
});

void t.test('errorFromResponse() shows in one line what a proxy answered', async t => {
  const { message } = errorFromResponse({
    ...failure,
    statusCode: 502,
    body: '<html>\n<h1>Bad Gateway</h1>',
  });
  t.equal(message, 'GET /x: HTTP 502 <html> <h1>Bad Gateway</h1>');
  t.equal(errorFromResponse({ ...failure, body: 'null' }).message, 'GET /x: HTTP 503 null');
});

void t.test('errorFromStatus() names the cause that decides', async t => {
  const details = { causes: [{ reason: 'NamespaceTerminating', message: 'x' }] };
  t.equal(errorFromStatus({ code: 403, reason: 'Forbidden', details }).code, 'NamespaceTerminating');
});

const transports: readonly [string, string, RegExp][] = [
  ['ECONNREFUSED', 'UnavailableError', /refused/],
  ['ENOTFOUND', 'UnavailableError', /does not resolve/],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'DeniedError', /wrong CA/],
  ['CERT_HAS_EXPIRED', 'DeniedError', /server's certificate has expired/],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'DeniedError', /our client certificate has expired/],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'UnavailableError', /does not speak TLS/],
  ['ESOMETHING', 'UnavailableError', /raw words/],
];

for (const [code, name, message] of transports) {
  void t.test(`errorFromTransport() ${code}`, async t => {
    const error = Object.assign(new Error('raw words'), { code });
    t.match(errorFromTransport(error, 'https://a:1'), { name, code, message });
    const several = new AggregateError([error, new Error('other')]);
    t.match(errorFromTransport(several, 'https://a:1'), { name, code });
  });
}
