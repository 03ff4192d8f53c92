import type { HttpResponse } from './exchange.ts';
import type { Route } from './router.ts';

/** The configuration in force. */
export function configzRoutes(document: Readonly<Record<string, unknown>>): readonly Route[] {
  const body = JSON.stringify({ kubeletconfig: document });
  return [{ methods: ['GET'], path: '/configz', handle: ({ response }) => sendConfig(response, body) }];
}

function sendConfig(response: HttpResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
  response.end(body);
}
