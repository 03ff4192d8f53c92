import { sendText } from './exchange.ts';
import type { Route } from './router.ts';

/** Routes that say why there is nothing: an administrator has switched the handlers off. */
export function switchedOffRoutes(roots: readonly string[], what: string): readonly Route[] {
  return roots.map(root => ({
    methods: '*',
    path: `/${root}/{rest*}`,
    handle: ({ response }) => sendText(response, 405, `${what}\n`),
  }));
}

export const DEBUG_ROOTS = ['run', 'exec', 'attach', 'portForward', 'containerLogs', 'runningpods'];
