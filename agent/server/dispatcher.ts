// From a request to its handler: who asks, may they, what answers.

import { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Authenticator } from './authentication.ts';
import type { Authorizer } from './authorization.ts';
import { buildAttributes } from './build-attributes.ts';
import { type HttpRequest, type HttpResponse, sendText, type Upgrade } from './exchange.ts';
import { countRequest } from './request-metrics.ts';
import type { Route, Router } from './router.ts';

export interface Guards {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
}

export interface DispatcherDeps {
  readonly router: Router;
  /** Undefined on the read-only port: there only open routes are answered, to everybody. */
  readonly guards: Guards | undefined;
  readonly logger: Logger;
}

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #signal: AbortSignal;

  constructor(deps: DispatcherDeps, { signal }: { readonly signal: AbortSignal }) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** Node hands out the bare connection of a request that wants to leave HTTP; errors are answered in HTTP all the same. */
  async dispatchUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    socket.on('error', () => socket.destroy()); // nobody else listens until a handler takes the connection over
    // The duplex of a server is always the connection's own socket.
    response.assignSocket(socket as IncomingMessage['socket']);
    response.once('finish', () => request.socket.destroySoon());
    await this.dispatch(request, response, { request, response, socket, head });
  }

  async dispatch(
    request: IncomingMessage | Http2ServerRequest,
    response: HttpResponse,
    upgrade?: Upgrade,
  ): Promise<void> {
    const gone = watchClient(request, response);
    const path = readPath(request.url ?? '');
    const { router } = this.#deps;
    const done = countRequest(
      { method: request.method ?? '', path: path?.text ?? '' },
      { serverType: this.#deps.guards ? 'readwrite' : 'readonly', roots: router.roots },
    );
    gone.addEventListener('abort', done, { once: true });
    if (!path) {
      sendText(response, 400, 'Bad Request');
      return;
    }
    try {
      if (await this.#isRefused(request, response, path.text)) return;
      await this.#answer(request, response, path, {
        upgrade,
        signal: AbortSignal.any([gone, this.#signal]),
      });
    } catch (error) {
      if (gone.aborted || this.#signal.aborted) return;
      this.#deps.logger.error({ path: path.text, err: error }, 'request failed');
      if (response.headersSent) response.destroy();
      else sendText(response, 500, `Internal Error: ${errorMessage(error)}`);
    }
  }

  async #isRefused(
    request: IncomingMessage | Http2ServerRequest,
    response: HttpResponse,
    path: string,
  ): Promise<boolean> {
    const { guards } = this.#deps;
    if (!guards) return false;
    const user = await guards.authenticator.authenticate(request.headers, connectionOf(request));
    if (!user) {
      sendText(response, 401, 'Unauthorized');
      return true;
    }
    const outcome = await guards.authorizer.authorize(user, buildAttributes(request.method ?? '', path));
    if (outcome.kind === 'allowed') return false;
    sendText(response, outcome.kind === 'denied' ? 403 : 500, outcome.message);
    return true;
  }

  async #answer(
    request: HttpRequest,
    response: HttpResponse,
    { text: path, query }: RequestPath,
    { upgrade, signal }: { readonly upgrade: Upgrade | undefined; readonly signal: AbortSignal },
  ): Promise<void> {
    const match = this.#deps.router.match(request.method ?? '', path);
    switch (match.kind) {
      case 'found':
        await this.#handle(match.route, {
          request,
          response,
          path,
          query,
          params: match.params,
          upgrade,
          signal,
        });
        return;
      case 'wrongMethod':
        response.setHeader('allow', match.allowed.join(', '));
        sendText(response, 405, '405: Method Not Allowed');
        return;
      case 'notFound':
        sendText(response, 404, '404 page not found\n');
    }
  }

  async #handle(route: Route, exchange: Parameters<Route['handle']>[0]): Promise<void> {
    if (!this.#deps.guards && route.isOpen !== true) {
      sendText(exchange.response, 405, 'Debug endpoints are disabled.\n');
      return;
    }
    await route.handle(exchange);
  }
}

/** The same for all requests on one connection; undefined once that is closed. */
function connectionOf(request: IncomingMessage | Http2ServerRequest): Socket | undefined {
  if (request instanceof IncomingMessage) return request.socket;
  const { session } = request.stream;
  return session && !session.destroyed ? session.socket : undefined;
}

/** Aborts when the answer is complete, or there is nobody left to read it. */
function watchClient(request: IncomingMessage | Http2ServerRequest, response: HttpResponse): AbortSignal {
  const gone = new AbortController();
  const abort = (): void => gone.abort();
  response.once('close', abort);
  if (request instanceof IncomingMessage) {
    // The response says nothing of it while it waits behind another one, or once its connection was handed over.
    const { socket } = request;
    socket.once('close', abort);
    gone.signal.addEventListener('abort', () => socket.off('close', abort), { once: true });
  }
  return gone.signal;
}

interface RequestPath {
  /** Decoded part by part: what is authorised is what is looked up. */
  readonly text: string;
  readonly query: URLSearchParams;
}

function readPath(url: string): RequestPath | undefined {
  if (!url.startsWith('/')) return undefined; // a proxy's form, or OPTIONS *
  const [path = '', ...query] = url.split('?');
  try {
    const text = path.split('/').map(decodeURIComponent);
    if (text.some(part => part.includes('/') || part.includes('\0'))) return undefined;
    return { text: text.join('/'), query: new URLSearchParams(query.join('?')) };
  } catch {
    return undefined; // a stray percent sign
  }
}
