// `/healthz` in the form that the API server's own has: `ok`, or a line per check.

import type { Exchange } from './exchange.ts';
import { sendText } from './exchange.ts';
import type { Route } from './router.ts';

export interface HealthCheck {
  readonly name: string;
  /** What is wrong; undefined while all is well. */
  readonly problem: () => string | undefined;
}

export const PING: HealthCheck = { name: 'ping', problem: () => undefined };

/** Under the kubelet's name; a log that cannot be written is dropped and never waited for. */
export const logCheck: HealthCheck = { name: 'log', problem: () => undefined };

/** Whoever gets an answer sees that the event loop turns; pods are looked after once the runtime has been read. */
export function syncLoopCheck(snapshots: { readonly hasListed: boolean }): HealthCheck {
  const problem = 'the container runtime has not told yet what runs';
  return { name: 'syncloop', problem: () => (snapshots.hasListed ? undefined : problem) };
}

export function healthRoutes(checks: readonly HealthCheck[]): readonly Route[] {
  return [
    { methods: '*', path: '/healthz', isOpen: true, handle: exchange => answerAll(exchange, checks) },
    { methods: '*', path: '/healthz/{check}', isOpen: true, handle: exchange => answerOne(exchange, checks) },
  ];
}

function answerAll({ response, query }: Exchange, checks: readonly HealthCheck[]): void {
  const { text, isHealthy } = formatHealth(checks, {
    isVerbose: query.has('verbose'),
    excluded: query.getAll('exclude'),
  });
  sendText(response, isHealthy ? 200 : 500, text);
}

function answerOne({ response, params }: Exchange, checks: readonly HealthCheck[]): void {
  const check = checks.find(({ name }) => name === params['check']);
  if (!check) {
    sendText(response, 404, '404 page not found\n');
    return;
  }
  const problem = check.problem();
  if (problem === undefined) sendText(response, 200, 'ok');
  else sendText(response, 500, `internal server error: ${problem}\n`);
}

/** Why a check fails stays in the log: whoever may ask need not know more. */
export function formatHealth(
  checks: readonly HealthCheck[],
  { isVerbose, excluded }: { readonly isVerbose: boolean; readonly excluded: readonly string[] },
): { readonly text: string; readonly isHealthy: boolean } {
  const lines: string[] = [];
  let isHealthy = true;
  for (const { name, problem } of checks) {
    if (excluded.includes(name)) {
      lines.push(`[+]${name} excluded: ok`);
    } else if (problem() === undefined) {
      lines.push(`[+]${name} ok`);
    } else {
      lines.push(`[-]${name} failed: reason withheld`);
      isHealthy = false;
    }
  }
  for (const name of excluded.filter(one => !checks.some(check => check.name === one))) {
    lines.push(`warn: some health checks cannot be excluded: no matches for "${name}"`);
  }
  if (isHealthy && !isVerbose) return { text: 'ok', isHealthy };
  lines.push(`healthz check ${isHealthy ? 'passed' : 'failed'}`);
  return { text: `${lines.join('\n')}\n`, isHealthy };
}
