import t from 'tap';
import type { HTTPGetAction } from '../api/objects.ts';
import { buildHttpRequest, formatUrl, type HttpRequest, resolveLocation } from './http-request.ts';

const container = { name: 'c', image: 'i', ports: [{ name: 'web', containerPort: 8080 }] };

function build(action: Partial<HTTPGetAction>, podIP = '10.0.0.5'): HttpRequest {
  const outcome = buildHttpRequest({ port: 80, ...action }, container, podIP, 'probe');
  if (outcome.kind === 'invalid') throw new Error(outcome.message);
  return outcome.request;
}

const urlOf = (action: Partial<HTTPGetAction>, podIP?: string): string => formatUrl(build(action, podIP).url);

t.test('the URL is the pod’s unless a host is named', async t => {
  t.equal(urlOf({ path: '/healthz' }), 'http://10.0.0.5:80/healthz');
  t.equal(
    urlOf({ path: '/', host: 'example.com', scheme: 'HTTPS', port: 'web' }),
    'https://example.com:8080/',
  );
  t.equal(urlOf({ path: '/' }, 'fd00::5'), 'http://[fd00::5]:80/');
});

t.test('paths as Go’s URL parser takes them', async t => {
  const table: readonly (readonly [string, string])[] = [
    ['', ''],
    ['healthz', '/healthz'],
    ['/a?b=c&d', '/a?b=c&d'],
    ['/a/../b//c', '/a/../b//c'],
    ['/a b', '/a%20b'],
    ['/a%20b', '/a%20b'],
    ['/%2f', '/%2f'],
    ['/ü', '/%C3%BC'],
    ['/a%20b|c', '/a%20b%7Cc'],
    ['/100%', '/100%25'],
    ['/a#fragment', '/a'],
    ['/a?q=b c', '/a?q=b%20c'],
    ['//elsewhere/a', '/a'],
    ['http://elsewhere:1/a?b', '/a?b'],
    ['?a=b', '?a=b'],
  ];
  for (const [path, target] of table) t.equal(build({ path }).url.target, target, JSON.stringify(path));
});

t.test('headers', async t => {
  const headersOf = (...pairs: readonly (readonly [string, string])[]) =>
    build({ httpHeaders: pairs.map(([name, value]) => ({ name, value })) });
  t.match(headersOf(), {
    host: undefined,
    headers: [
      [/User-Agent/, /^kube-probe\/1\.\d+$/],
      ['Accept', '*/*'],
    ],
  });
  t.same(headersOf(['user-agent', 'me'], ['accept', 'text/html']).headers, [
    ['User-Agent', 'me'],
    ['Accept', 'text/html'],
  ]);
  t.same(headersOf(['User-Agent', ''], ['Accept', '']).headers, [], 'empty ones take the defaults away');
  t.same(headersOf(['x-a', '1'], ['X-A', '2'], ['User-Agent', '']).headers.slice(1), [
    ['X-A', '1'],
    ['X-A', '2'],
  ]);
  const withHost = headersOf(['host', 'example.com'], ['content-length', '5']);
  t.equal(withHost.host, 'example.com');
  t.notMatch(withHost.headers.flat(), ['Host']);
  t.notOk(withHost.headers.flat().includes('Content-Length'));
});

t.test('resolveLocation()', async t => {
  const { url } = build({ path: '/a/b' });
  const resolved = (location: string) => {
    const to = resolveLocation(location, url);
    return to && formatUrl(to);
  };
  t.equal(resolved('c'), 'http://10.0.0.5/a/c');
  t.equal(resolved('//elsewhere/x'), 'http://elsewhere/x');
  t.equal(resolved('https://10.0.0.5:8443/x?y'), 'https://10.0.0.5:8443/x?y');
  t.equal(resolveLocation('http://[fd00::5]/', url)?.hostname, 'fd00::5');
  t.equal(resolved('http://['), undefined);
});
