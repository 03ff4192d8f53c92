// What a request asks for in RBAC's words: a verb on `nodes/<subresource>` of our own Node.

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

// First the fine-grained one (KEP-2862), then what everybody had to grant before it.
const SUBRESOURCES: readonly (readonly [prefix: string, subresources: readonly string[]])[] = [
  ['/stats', ['stats']],
  ['/metrics', ['metrics']],
  ['/logs', ['log']],
  ['/checkpoint', ['checkpoint']],
  ['/statusz', ['statusz']],
  ['/flagz', ['configz']],
  ['/pods', ['pods', 'proxy']],
  ['/runningpods', ['pods', 'proxy']],
  ['/healthz', ['healthz', 'proxy']],
  ['/configz', ['configz', 'proxy']],
];

export interface RequestAttributes {
  /** Empty for methods that RBAC has no verb for; nothing grants that. */
  readonly verb: string;
  /** Any one of them suffices; asked in this order. */
  readonly subresources: readonly string[];
}

/** `path` is decoded: what is asked about must be what is answered. */
export function buildAttributes(method: string, path: string): RequestAttributes {
  const found = SUBRESOURCES.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));
  return { verb: VERBS[method] ?? '', subresources: found?.[1] ?? ['proxy'] };
}
