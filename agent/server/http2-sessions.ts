// HTTP/2 connections. What limits one of HTTP/1.1 does not reach the many requests on these.

import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';

// As many as Go's servers take.
const MAX_STREAMS = 250;
// Each request that is not read by its client holds up to two blocks of its answer.
const SESSION_MEMORY_MB = 64;
const CLOSE_PATIENCE_MS = 1000;

export interface SessionLimits {
  /** How long a connection may stay without a request. */
  readonly idleTimeoutMs: number;
  /** How long a request may take to arrive. */
  readonly requestTimeoutMs: number;
}

/** For http2.createSecureServer(). Headers are bounded by 64 KiB, and floods of resets, pings or settings, by Node itself. */
export const SESSION_OPTIONS = {
  settings: { maxConcurrentStreams: MAX_STREAMS },
  maxSessionMemory: SESSION_MEMORY_MB,
};

/** Ends the connection when nothing is asked on it, and requests that do not come to their end. */
export function limitSession(session: ServerHttp2Session, limits: SessionLimits): void {
  let openStreams = 0;
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    session.close();
    timer = setTimeout(() => session.destroy(), CLOSE_PATIENCE_MS); // for who does not answer
  };
  const waitForRequest = (): void => {
    clearTimeout(timer);
    timer = setTimeout(end, limits.idleTimeoutMs);
  };
  waitForRequest(); // whatever else is said meanwhile
  session.once('close', () => clearTimeout(timer));
  session.on('stream', (stream, _headers, flags) => {
    openStreams += 1;
    clearTimeout(timer);
    stream.once('close', () => {
      openStreams -= 1;
      if (openStreams === 0 && !session.destroyed) waitForRequest();
    });
    const isComplete = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (!isComplete) limitRequest(stream, limits.requestTimeoutMs);
  });
}

function limitRequest(stream: ServerHttp2Stream, timeoutMs: number): void {
  const timer = setTimeout(() => {
    if (stream.state.remoteClose === 0) stream.close(constants.NGHTTP2_CANCEL);
  }, timeoutMs);
  stream.once('close', () => clearTimeout(timer));
}
