// Fields that are maps of names to values: merged key by key, each key with its own problem.

import { formatDuration, parseDuration } from '../lib/duration.ts';
import {
  boolOrText,
  type Field,
  type FieldOptions,
  type FieldProblem,
  found,
  makeField,
  type Parsed,
} from './field.ts';

export interface MapOptions<T> extends FieldOptions {
  readonly type: string;
  readonly fallback?: Readonly<Record<string, T>>;
  readonly readValue: (raw: unknown, key: string) => Parsed<T>;
  /** Complains about a key that is not allowed. */
  readonly checkKey?: (key: string) => string | undefined;
  readonly showValue?: (value: T) => unknown;
  /** What a flag puts between key and value; eviction thresholds use `<`. */
  readonly separator?: string;
  readonly doesFlagMerge?: boolean;
}

export function map<T>(options: MapOptions<T>): Field<Readonly<Record<string, T>>> {
  const showValue = options.showValue ?? ((value: T) => value);
  return makeField<Readonly<Record<string, T>>>({
    ...options,
    fallback: options.fallback ?? {},
    isMap: true,
    parse: raw => parseMap(raw, options),
    readFlag: texts => readPairs(texts, options.separator ?? '='),
    show: value => Object.fromEntries(Object.entries(value).map(([key, item]) => [key, showValue(item)])),
  });
}

function parseMap<T>(raw: unknown, options: MapOptions<T>): Parsed<Readonly<Record<string, T>>> {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return {
      ok: false,
      problems: [{ suffix: '', message: `expected names with values, got ${found(raw)}` }],
    };
  }
  const values: Record<string, T> = {};
  const problems: FieldProblem[] = [];
  for (const [key, item] of Object.entries(raw)) {
    const complaint = options.checkKey?.(key);
    if (complaint !== undefined) {
      problems.push({ suffix: `.${key}`, message: complaint });
      continue;
    }
    const parsed = options.readValue(item, key);
    if (parsed.ok) values[key] = parsed.value;
    else
      problems.push(...parsed.problems.map(problem => ({ ...problem, suffix: `.${key}${problem.suffix}` })));
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: values };
}

/** `a=1,b=2` as an object; a part without a separator is handed on as text for the parser to complain about. */
function readPairs(texts: readonly string[], separator: string): unknown {
  const pairs: [string, string][] = [];
  for (const part of texts.flatMap(text => text.split(','))) {
    if (part.trim() === '') continue;
    const position = part.indexOf(separator);
    if (position < 0) return texts.join(',');
    pairs.push([part.slice(0, position).trim(), part.slice(position + separator.length).trim()]);
  }
  return Object.fromEntries(pairs);
}

type NamedMapOptions = FieldOptions &
  Pick<MapOptions<never>, 'checkKey' | 'doesFlagMerge'> & {
    readonly checkValue?: (value: string) => string | undefined;
  };

export function textMap(options: NamedMapOptions = {}): Field<Readonly<Record<string, string>>> {
  return map<string>({
    ...options,
    type: 'map of texts',
    readValue: raw => {
      if (typeof raw !== 'string') return failed(`expected text, got ${found(raw)}`);
      const complaint = options.checkValue?.(raw);
      return complaint === undefined ? { ok: true, value: raw } : failed(complaint);
    },
  });
}

export function boolMap(options: NamedMapOptions = {}): Field<Readonly<Record<string, boolean>>> {
  return map<boolean>({
    ...options,
    type: 'map of booleans',
    readValue: raw => {
      const value = typeof raw === 'string' ? boolOrText(raw) : raw;
      return typeof value === 'boolean'
        ? { ok: true, value }
        : failed(`expected true or false, got ${found(raw)}`);
    },
  });
}

export function durationMap(options: NamedMapOptions = {}): Field<Readonly<Record<string, number>>> {
  return map<number>({
    ...options,
    type: 'map of durations',
    readValue: raw => {
      const durationMs = typeof raw === 'string' ? parseDuration(raw) : undefined;
      return durationMs === undefined || durationMs < 0
        ? failed(`expected a duration like 30s or 1m30s, got ${found(raw)}`)
        : { ok: true, value: durationMs };
    },
    showValue: formatDuration,
  });
}

export function failed(message: string): Parsed<never> {
  return { ok: false, problems: [{ suffix: '', message }] };
}
