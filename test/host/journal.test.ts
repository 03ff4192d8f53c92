import './private-namespaces.ts';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { JournalStream } from '../../agent/host/journal.ts';
import { ensureTmpfs } from '../../agent/host/mounts.ts';
import { createLogger } from '../../agent/lib/logger.ts';
import { metricsRegistry } from '../../agent/lib/metrics.ts';

const BURST = 2000;

// A journald of our own: its socket and its files are under /run, which here is a tmpfs nobody else sees. It may not
// limit the rate, which is what a burst is to prove.
execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
await ensureTmpfs('/etc/systemd/journald.conf.d', { mode: 0o755 });
execFileSync('sh', [
  '-c',
  'printf "[Journal]\\nRateLimitBurst=0\\n" > /etc/systemd/journald.conf.d/test.conf',
]);
const journald = spawn('/lib/systemd/systemd-journald', { stdio: 'ignore' });
const ended = once(journald, 'exit');
t.teardown(async () => {
  journald.kill('SIGKILL');
  await ended;
});

function query(...args: readonly string[]): readonly Readonly<Record<string, string>>[] {
  const options = ['--directory', '/run/log/journal', '--output', 'json', '--quiet'];
  const text = execFileSync('journalctl', [...options, ...args], { encoding: 'utf8', maxBuffer: 1 << 26 });
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line));
}

async function waitFor(isDone: () => boolean, what: string): Promise<void> {
  const deadlineAt = Date.now() + 10_000;
  while (!isDone()) {
    if (Date.now() > deadlineAt) throw new Error(`waited in vain for ${what}`);
    await delay(50);
  }
}

function entries(...args: readonly string[]): readonly Readonly<Record<string, string>>[] {
  try {
    return query(...args);
  } catch {
    return []; // no journal file yet
  }
}

async function droppedCount(): Promise<number> {
  const metric = await metricsRegistry.getSingleMetric('nodelet_journal_dropped_lines_total')?.get();
  return metric?.values[0]?.value ?? 0;
}

const stream = new JournalStream();
const logger = await createLogger({ level: 'info', stream });
t.teardown(() => stream[Symbol.dispose]());

t.test('journalctl filters log lines by pod', async t => {
  await waitFor(() => entries('SYSLOG_IDENTIFIER=systemd-journald').length > 0, 'journald to start');
  const log = logger.child({ component: 'pod', pod: 'default/web-1', podUID: 'u-1' });
  log.warn({ container: 'web', reason: 'BackOff', err: new Error('two\nlines') }, 'container failed');
  logger.info({ pod: 'default/web-2' }, 'other pod');
  await waitFor(() => entries('POD=web-2').length > 0, 'the entries');
  t.match(query('POD=web-1'), {
    length: 1,
    0: {
      PRIORITY: '4',
      SYSLOG_IDENTIFIER: 'nodelet',
      NAMESPACE: 'default',
      POD_UID: 'u-1',
      CONTAINER: 'web',
      REASON: 'BackOff',
      COMPONENT: 'pod',
      ERROR: 'two\nlines',
    },
  });
});

t.test('a burst arrives whole', async t => {
  const startedAt = performance.now();
  for (let count = 0; count < BURST; count++) logger.info({ pod: 'default/burst' }, 'line');
  t.comment(`${(((performance.now() - startedAt) / BURST) * 1000).toFixed(1)} us per line`);
  await waitFor(() => entries('POD=burst').length === BURST, 'the burst');
  t.equal(await droppedCount(), 0);
});

t.test('lines are counted while the journal is away', async t => {
  journald.kill('SIGKILL');
  await ended;
  logger.info('this line goes to stderr');
  t.equal(await droppedCount(), 1);
});
