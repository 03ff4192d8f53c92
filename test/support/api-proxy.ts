// A proxy in front of a real API server. A client sees the server's own answers, through a certificate of the same
// authority; upstream every connection is the proxy's.

import { connect, createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { FaultPoints } from './fault-points.ts';
import { Http2Proxy, type ProxiedAnswer, type ProxiedCall } from './http2-proxy.ts';

export interface ApiProxyOptions {
  /** Where to listen. */
  readonly host: string;
  readonly server: string;
  readonly authority: string;
  /** What it shows to clients. */
  readonly serving: { readonly cert: string; readonly key: string };
  /** What it shows to the API server. */
  readonly client: { readonly cert: string; readonly key: string };
}

export class ApiProxy {
  readonly faults = new FaultPoints<ProxiedCall>();
  readonly #proxy: Http2Proxy;
  readonly #options: ApiProxyOptions;
  readonly #redirects: {
    readonly isMatch: (path: string) => boolean;
    readonly path: (path: string) => string;
  }[] = [];
  #port = 0;

  private constructor(options: ApiProxyOptions, proxy: (self: ApiProxy) => Http2Proxy) {
    this.#options = options;
    this.#proxy = proxy(this);
  }

  static async listen(options: ApiProxyOptions): Promise<ApiProxy> {
    const { authority, serving, client } = options;
    const server = createSecureServer({ ...serving, ALPNProtocols: ['h2'] });
    const proxy = new ApiProxy(
      options,
      self =>
        new Http2Proxy({
          server,
          dial: () => connect(options.server, { ca: authority, ...client }),
          isStream: path => path.includes('watch=true'),
          redirect: path => self.#redirect(path),
          intercept: async (call, forward) => await self.faults.run(call, forward),
        }),
    );
    await new Promise<void>(resolve => server.listen(0, options.host, resolve));
    // Listening on TCP, so its address is not a path.
    proxy.#port = (server.address() as AddressInfo).port;
    return proxy;
  }

  get url(): string {
    return `https://${this.#options.host}:${this.#port}`;
  }

  /** The next watch that matches follows another collection instead, for as long as it lasts. */
  redirectWatch(isMatch: (path: string) => boolean, path: (path: string) => string): void {
    this.#redirects.push({ isMatch, path });
  }

  disconnect(): void {
    this.#proxy.disconnect();
  }

  async close(): Promise<void> {
    await this.#proxy.close();
  }

  #redirect(path: string): string | undefined {
    const index = this.#redirects.findIndex(({ isMatch }) => isMatch(path));
    return this.#redirects.splice(index, index < 0 ? 0 : 1)[0]?.path(path);
  }
}

/** The API server's words for a failed request. */
export function statusFailure(code: number, reason: string, message: string): ProxiedAnswer {
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message };
  return {
    headers: { ':status': code, 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(status)),
    trailers: undefined,
  };
}
