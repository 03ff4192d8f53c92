import t from 'tap';
import { Router } from './router.ts';

const nothing = (): void => undefined;
const router = new Router([
  { methods: ['GET'], path: '/containerLogs/{namespace}/{pod}/{container}', handle: nothing },
  {
    methods: ['GET', 'POST'],
    path: '/exec/{namespace}/{pod}/{container}',
    handle: nothing,
    canUpgrade: true,
  },
  { methods: '*', path: '/healthz', handle: nothing },
  { methods: ['GET'], path: '/logs/{path*}', handle: nothing },
]);

const found = (method: string, path: string) => {
  const match = router.match(method, path);
  return match.kind === 'found' ? match.params : match.kind;
};

void t.test('match()', async t => {
  t.strictSame(found('GET', '/containerLogs/a/b/c'), { namespace: 'a', pod: 'b', container: 'c' });
  t.strictSame(
    found('GET', '/containerLogs//b/c'),
    { namespace: '', pod: 'b', container: 'c' },
    'which one is missing',
  );
  t.equal(found('POST', '/containerLogs/a/b/c'), 'wrongMethod');
  t.equal(found('GET', '/containerLogs/a/b'), 'notFound');
  t.equal(found('GET', '/containerLogs/a/b/c/d'), 'notFound');
  t.strictSame(found('PATCH', '/healthz'), {}, 'any method');
  t.strictSame(found('GET', '/healthz/'), {}, 'a slash at the end');
  t.strictSame(found('GET', '/logs'), { path: '' });
  t.strictSame(found('GET', '/logs/pods/x'), { path: 'pods/x' });
  t.equal(found('GET', '/'), 'notFound');
  t.equal(found('GET', '//healthz'), 'notFound');
});

void t.test('canUpgrade() goes by the first part', async t => {
  t.ok(router.canUpgrade('/exec/a/b/c?command=x'));
  t.notOk(router.canUpgrade('/healthz'));
  t.notOk(router.canUpgrade('/logs/exec'));
});
