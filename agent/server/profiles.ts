// `/debug/pprof`: what this process spends its time and memory on, in V8's own form. Chrome's developer tools and
// speedscope.app read `.cpuprofile` and `.heapprofile`.

import { Session } from 'node:inspector/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type Exchange, sendText } from './exchange.ts';
import type { Route } from './router.ts';

const DEFAULT_SECONDS = 30;
const MAX_SECONDS = 300;

const INDEX = `profile?seconds=N  processor time of N seconds, as .cpuprofile
heap?seconds=N     memory allocated in N seconds and still held, as .heapprofile
cmdline            the command line
`;

export function profileRoutes(): readonly Route[] {
  let isProfiling = false; // V8 has one profiler
  const profile = async (exchange: Exchange): Promise<void> => {
    if (isProfiling) return sendText(exchange.response, 500, 'Could not enable profiling: it is in use\n');
    isProfiling = true;
    try {
      await serveProfile(exchange);
    } finally {
      isProfiling = false;
    }
  };
  return [{ methods: ['GET'], path: '/debug/pprof/{name*}', handle: exchange => serve(exchange, profile) }];
}

function serve(exchange: Exchange, profile: (exchange: Exchange) => Promise<void>): Promise<void> | void {
  const { response, params } = exchange;
  switch (params['name']) {
    case '':
      return sendText(response, 200, INDEX);
    case 'cmdline':
      return sendText(response, 200, process.argv.join('\0'));
    case 'profile':
    case 'heap':
      return profile(exchange);
    default:
      return sendText(response, 404, 'Unknown profile\n');
  }
}

async function serveProfile({ response, params, query, signal }: Exchange): Promise<void> {
  const seconds = Number(query.get('seconds') ?? DEFAULT_SECONDS);
  if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
    return sendText(response, 400, `seconds: more than 0, at most ${MAX_SECONDS}\n`);
  }
  const isHeap = params['name'] === 'heap';
  const session = new Session();
  session.connect();
  try {
    const body = await (isHeap ? sampleHeap(session, seconds, signal) : sampleTime(session, seconds, signal));
    const extension = isHeap ? 'heapprofile' : 'cpuprofile';
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="nodelet.${extension}"`,
    });
    response.end(body);
  } finally {
    session.disconnect();
  }
}

async function sampleTime(session: Session, seconds: number, signal: AbortSignal): Promise<string> {
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  await delay(seconds * 1000, undefined, { signal });
  const { profile } = await session.post('Profiler.stop');
  return JSON.stringify(profile);
}

async function sampleHeap(session: Session, seconds: number, signal: AbortSignal): Promise<string> {
  await session.post('HeapProfiler.startSampling');
  await delay(seconds * 1000, undefined, { signal });
  const { profile } = await session.post('HeapProfiler.stopSampling');
  return JSON.stringify(profile);
}
