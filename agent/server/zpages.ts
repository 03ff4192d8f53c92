// `/statusz` and `/flagz` (KEP-4827, KEP-4828): text for people, and an object for those who ask for its kind.

import { KUBERNETES_VERSION } from '../config/version.ts';
import type { Clock } from '../lib/clock.ts';
import { type Exchange, sendJson, sendText } from './exchange.ts';
import type { Route } from './router.ts';

const COMPONENT = 'kubelet';
const GROUP = 'config.k8s.io';
// What neither leads to something to look at nor may be looked at by whoever looks at statistics.
const UNLISTED_ROOTS = new Set(['run', 'exec', 'attach', 'portForward', 'checkpoint']);

/** Those of `routes` are listed; the page is none of them. */
export function statuszRoutes(routes: readonly Route[], clock: Clock): readonly Route[] {
  const startedAtMs = clock.nowMs() - process.uptime() * 1000;
  const roots = new Set(routes.map(({ path }) => path.split('/')[1] ?? ''));
  const paths = [...roots]
    .filter(root => !UNLISTED_ROOTS.has(root))
    .map(root => `/${root}`)
    .sort();
  const handle = (exchange: Exchange): void => {
    const uptimeSeconds = Math.max(0, Math.floor((clock.nowMs() - startedAtMs) / 1000));
    const status = {
      startTime: `${new Date(startedAtMs).toISOString().slice(0, 19)}Z`,
      uptimeSeconds,
      goVersion: `Node.js ${process.version}`, // what it asks: the language's own version
      binaryVersion: KUBERNETES_VERSION.slice(1),
      paths,
    };
    const lines = [
      `Started: ${status.startTime}`,
      `Up: ${formatUptime(uptimeSeconds)}`,
      `Node.js version: ${process.version}`,
      `Binary version: ${status.binaryVersion}`,
      `Paths: ${paths.join(' ')}`,
    ];
    answer(exchange, 'Statusz', status, lines);
  };
  return [{ methods: ['GET'], path: '/statusz', handle }];
}

export function flagzRoutes(flags: Readonly<Record<string, string>>): readonly Route[] {
  const lines = Object.entries(flags).map(([name, value]) => `${name}=${value}`);
  const handle = (exchange: Exchange): void => answer(exchange, 'Flagz', { flags }, lines);
  return [{ methods: ['GET'], path: '/flagz', handle }];
}

function answer(
  { request, response }: Exchange,
  kind: string,
  fields: object,
  lines: readonly string[],
): void {
  const chosen = chooseForm(request.headers.accept, kind);
  if (chosen.kind === 'none') {
    sendText(response, 406, 'only the following media types are accepted: text/plain, application/json\n');
  } else if (chosen.kind === 'text') {
    sendText(response, 200, `\n${COMPONENT} ${kind.toLowerCase()}\n${WARNING}\n${lines.join('\n')}\n`);
  } else {
    const { apiVersion } = chosen;
    sendJson(response, 200, { kind, apiVersion, metadata: { name: COMPONENT }, ...fields });
  }
}

const WARNING = 'Warning: for people; the form of this page may change. Ask for JSON to parse it.\n';

type Form =
  | { readonly kind: 'text' }
  | { readonly kind: 'object'; readonly apiVersion: string }
  | { readonly kind: 'none' };

const TEXT: Form = { kind: 'text' };

/** The first that can be given. An object is given to who names it in full: `application/json;g=...;v=...;as=Kind`. */
export function chooseForm(accept: string | undefined, kind: string): Form {
  if (accept === undefined || accept.trim() === '') return TEXT;
  for (const offer of accept.split(',')) {
    const [type = '', ...parameters] = offer.split(';').map(part => part.trim());
    const given = new Map(parameters.map(text => splitParameter(text)));
    if (['text/plain', 'text/*', '*/*'].includes(type) && !given.has('as')) return TEXT;
    const version = given.get('v') ?? '';
    const isNamed = given.get('g') === GROUP && given.get('as') === kind;
    if (type === 'application/json' && isNamed && ['v1alpha1', 'v1beta1'].includes(version)) {
      return { kind: 'object', apiVersion: `${GROUP}/${version}` };
    }
  }
  return { kind: 'none' };
}

function splitParameter(text: string): readonly [name: string, value: string] {
  const [name = '', value = ''] = text.split('=');
  return [name.trim(), value.trim()];
}

function formatUptime(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const twoDigits = (value: number): string => String(value).padStart(2, '0');
  return `${hours} hr ${twoDigits(minutes)} min ${twoDigits(seconds % 60)} sec`;
}
