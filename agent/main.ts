#!/usr/bin/env node
// Composition root: configuration -> edges -> subsystems -> run until a signal. No logic lives here.

import { runCli } from './cli/cli.ts';
import { doctorContext } from './cli/doctor.ts';
import { EXIT_CONFIG, EXIT_FAILURE, EXIT_OK } from './cli/exit-codes.ts';
import type { Config } from './config/config.ts';
import { NODELET_VERSION } from './config/version.ts';
import { runNode } from './daemon/run-node.ts';
import { reportAfterStart } from './doctor/examine.ts';
import { isJournalStream, JournalStream } from './host/journal.ts';
import { NOTIFY_VARIABLES, parseNotifyEnvironment, ServiceNotifier } from './host/notify.ts';
import { InvalidError } from './lib/errors.ts';
import { createLogger, type Logger } from './lib/logger.ts';

async function runAgent(config: Config, notices: readonly string[]): Promise<number> {
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
    const afterStart = (signal: AbortSignal): Promise<void> =>
      reportAfterStart(doctorContext(config), logger, { signal });
    await runNode(config, logger, notifier, afterStart, stop.signal);
    return EXIT_OK;
  } catch (error) {
    logger.error({ err: error }, 'cannot go on');
    return error instanceof InvalidError ? EXIT_CONFIG : EXIT_FAILURE;
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

process.exitCode = await runCli(process.argv.slice(2), {
  runAgent,
  output: { out: text => process.stdout.write(text), err: text => process.stderr.write(text) },
});
