// The agent as a process: its log, its signals, its exit code.
import type { Config } from '../config/config.ts';
import { NODELET_VERSION } from '../config/version.ts';
import { isJournalStream, JournalStream } from '../host/journal.ts';
import { NOTIFY_VARIABLES, parseNotifyEnvironment, ServiceNotifier } from '../host/notify.ts';
import { InvalidError } from '../lib/errors.ts';
import { createLogger, type Logger } from '../lib/logger.ts';
import { runNode } from './run-node.ts';

export type AgentEnd = 'stopped' | 'failed' | 'wrongConfiguration';

/** `afterStart` may take its time: what runs does not wait for it. */
export async function runAgent(
  config: Config,
  notices: readonly string[],
  afterStart: (logger: Logger, signal: AbortSignal) => Promise<void>,
): Promise<AgentEnd> {
  const notifier = new ServiceNotifier(parseNotifyEnvironment(process.env, process.pid));
  for (const name of NOTIFY_VARIABLES) delete process.env[name];
  const logger = await openLogger(config.log);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'stopping; pods keep running');
      notifier.stopping();
      stop.abort();
    });
  }
  logger.info({ version: NODELET_VERSION, node: config.node.name }, 'starting');
  for (const notice of notices) logger.warn(notice);
  try {
    await runNode(config, logger, notifier, signal => afterStart(logger, signal), stop.signal);
    return 'stopped';
  } catch (error) {
    logger.error({ err: error }, 'cannot go on');
    return error instanceof InvalidError ? 'wrongConfiguration' : 'failed';
  } finally {
    logger.flush();
  }
}

function openLogger({ level, format }: Config['log']): Promise<Logger> {
  const isUnderJournal = format === 'auto' && isJournalStream(process.env['JOURNAL_STREAM'], 1);
  const isJournal = format === 'journal' || isUnderJournal;
  const isPlain = format === 'json' || format === 'text';
  return createLogger({
    level,
    ...(isPlain ? { format } : {}),
    ...(isJournal ? { stream: new JournalStream() } : {}),
  });
}
