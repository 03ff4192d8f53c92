// The parameters of `/containerLogs` (PodLogOptions of core/v1).

export type LogStream = 'stdout' | 'stderr';

export interface LogQuery {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  /** Nothing older than this. */
  readonly sinceMs: number | undefined;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  /** Undefined: both. */
  readonly stream: LogStream | undefined;
}

export type ParsedLogQuery =
  | { readonly kind: 'ok'; readonly query: LogQuery }
  | { readonly kind: 'refused'; readonly status: 400 | 422; readonly text: string };

const UNDECODABLE = { kind: 'refused', status: 400, text: '{"message": "Unable to decode query."}' } as const;
const INVALID = { kind: 'refused', status: 422, text: '{"message": "Invalid request."}' } as const;

const INTEGERS = ['sinceSeconds', 'tailLines', 'limitBytes'] as const;
const STREAMS: Readonly<Record<string, LogStream | undefined>> = {
  All: undefined,
  Stdout: 'stdout',
  Stderr: 'stderr',
};

export function parseLogQuery(
  query: URLSearchParams,
  { nowMs, canSplitStreams }: { readonly nowMs: number; readonly canSplitStreams: boolean },
): ParsedLogQuery {
  const numbers: Partial<Record<(typeof INTEGERS)[number], number>> = {};
  for (const name of INTEGERS) {
    const text = name === 'tailLines' ? readTail(query) : query.get(name);
    if (text === null) continue;
    if (!/^[+-]?\d{1,18}$/.test(text)) return UNDECODABLE;
    numbers[name] = Number(text);
  }
  const { sinceSeconds, tailLines, limitBytes } = numbers;
  const sinceTime = query.get('sinceTime');
  const sinceTimeMs = sinceTime === null ? undefined : parseTime(sinceTime);
  if (Number.isNaN(sinceTimeMs)) return UNDECODABLE;

  if (tailLines !== undefined && tailLines < 0) return INVALID;
  if (limitBytes !== undefined && limitBytes < 1) return INVALID;
  if (sinceSeconds !== undefined && (sinceSeconds < 1 || sinceTimeMs !== undefined)) return INVALID;
  const stream = query.get('stream') ?? 'All';
  if (!Object.hasOwn(STREAMS, stream) || (stream !== 'All' && tailLines !== undefined)) return INVALID;
  if (stream !== 'All' && !canSplitStreams) return refuseStream(stream);
  return {
    kind: 'ok',
    query: {
      follow: readBoolean(query, 'follow'),
      previous: readBoolean(query, 'previous'),
      timestamps: readBoolean(query, 'timestamps'),
      sinceMs: sinceSeconds === undefined ? sinceTimeMs : nowMs - sinceSeconds * 1000,
      tailLines,
      limitBytes,
      stream: STREAMS[stream],
    },
  };
}

/** `tail` is what it was called once. */
function readTail(query: URLSearchParams): string | null {
  const legacy = query.get('tail') ?? '';
  if (legacy === 'all') return null;
  return legacy === '' ? query.get('tailLines') : legacy;
}

// As the API machinery reads booleans: there, even without a value, is true.
function readBoolean(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  return text !== null && text !== '0' && text.toLowerCase() !== 'false';
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

function parseTime(text: string): number {
  return RFC3339.test(text) ? Date.parse(text) : Number.NaN;
}

function refuseStream(stream: string): ParsedLogQuery {
  const text = `unable to return the given log stream: "${stream}". Please enable PodLogsQuerySplitStreams feature gate in kubelet`;
  return { kind: 'refused', status: 400, text };
}
