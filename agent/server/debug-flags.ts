// `PUT /debug/flags/v`: more or less to be logged, without a restart.

import { KLOG_DEBUG_VERBOSITY } from '../config/build-config.ts';
import type { Logger } from '../lib/logger.ts';
import { type Exchange, sendText } from './exchange.ts';
import { readBody } from './read-body.ts';
import type { Route } from './router.ts';

const BODY_MAX_BYTES = 64;

/** `logger` is the root of all. Below klog's debug levels it gets the level back that it began with. */
export function debugFlagRoutes(logger: Logger): readonly Route[] {
  const { level: quiet } = logger;
  return [
    {
      methods: '*',
      path: '/debug/flags/v',
      handle: async exchange => await setVerbosity(exchange, logger, quiet === 'debug' ? 'info' : quiet),
    },
  ];
}

async function setVerbosity({ request, response }: Exchange, logger: Logger, quiet: string): Promise<void> {
  if (request.method !== 'PUT') return sendText(response, 406, 'unsupported http method\n');
  const text = (await readBody(request, BODY_MAX_BYTES))?.toString().trim();
  const verbosity = text === undefined || text === '' ? Number.NaN : Number(text);
  if (!Number.isInteger(verbosity)) {
    return sendText(response, 400, 'failed set klog.logging.verbosity: expected a whole number\n');
  }
  const level = verbosity >= KLOG_DEBUG_VERBOSITY ? 'debug' : quiet;
  logger.info({ level, verbosity }, 'log level set over the node API');
  logger.level = level;
  sendText(response, 200, `successfully set klog.logging.verbosity to ${verbosity}\n`);
}
