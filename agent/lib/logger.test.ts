import t from 'tap';
import { InvalidError, UnavailableError } from './errors.ts';
import { createLogger, describeError } from './logger.ts';

t.test('createLogger() writes one JSON line with level name, time, child fields and message', async t => {
  const lines: string[] = [];
  const logger = await createLogger({ level: 'info', stream: { write: line => void lines.push(line) } });
  logger.child({ component: 'node' }).info({ pod: 'default/web-1', reason: 'Started' }, 'started container');
  logger.debug('not shown');
  t.equal(lines.length, 1);
  t.match(JSON.parse(lines[0] ?? ''), {
    level: 'info',
    component: 'node',
    pod: 'default/web-1',
    reason: 'Started',
    msg: 'started container',
    time: /^\d{4}-\d\d-\d\dT/,
  });
});

t.test('a root logger takes its children along when its level changes', async t => {
  const lines: string[] = [];
  const logger = await createLogger({ level: 'info', stream: { write: line => void lines.push(line) } });
  const child = logger.child({ component: 'pod' });
  const grandchild = child.child({ podUID: 'u' });
  logger.level = 'debug';
  for (const one of [child, grandchild, logger.child({})]) one.debug('shown');
  t.equal(lines.length, 3);
  logger.level = 'info';
  for (const one of [logger, child, grandchild]) one.debug('not shown');
  t.equal(lines.length, 3);
});

t.test('describeError() names code and causes, and keeps the stack of uncoded errors only', async t => {
  const cause = new UnavailableError('connection refused', { code: 'ECONNREFUSED' });
  t.same(describeError(new InvalidError('no sandbox', { code: 'Invalid', cause })), {
    type: 'InvalidError',
    code: 'Invalid',
    message: 'no sandbox: connection refused',
  });
  t.match(describeError(new TypeError('x is undefined')), { type: 'TypeError', stack: /logger\.test/ });
  t.same(describeError('text'), { type: 'string', message: 'text' });
});
