// undici's package entry loads all of its parts (fetch, WebSocket, mocks: 7 MB resident, 50 ms); these two are what we use.
declare module 'undici/lib/dispatcher/client.js' {
  import type { Client } from 'undici';

  const client: typeof Client;

  export type { Client };
  export default client;
}

declare module 'undici/lib/api/api-request.js' {
  import type { Client, Dispatcher } from 'undici';
  /** What the package entry makes `client.request()` of. */
  export default function request(
    this: Client,
    options: Dispatcher.RequestOptions,
  ): Promise<Dispatcher.ResponseData>;
}
