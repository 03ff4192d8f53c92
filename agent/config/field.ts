// One configuration field: how its value is read from YAML and from a flag, what it is by default, whether we act on it.

import { isAbsolute, normalize, resolve } from 'node:path';
import { formatDuration, parseDuration } from '../lib/duration.ts';
import { formatQuantity, parseQuantity } from '../lib/quantity.ts';

export interface FieldProblem {
  /** Below the field: '' or e.g. `.memory.available`. */
  readonly suffix: string;
  readonly message: string;
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/** `accepted`: read and checked, without effect yet. */
export type FieldStatus = 'honoured' | 'accepted' | 'refused';

export interface FieldOptions {
  readonly status?: FieldStatus;
  readonly flag?: string;
  /** One line for `config fields` and for the notice when the field is set. */
  readonly note?: string;
  /** A zero in a file means "not set", as for the kubelet's fields that are no pointers. */
  readonly zero?: 'default' | 'value';
}

export interface Field<T> {
  readonly type: string;
  readonly status: FieldStatus;
  readonly flag: string | undefined;
  readonly note: string | undefined;
  readonly fallback: T;
  /** Maps merge key by key over files; everything else is replaced. */
  readonly isMap: boolean;
  /** A flag adds to the map of the files instead of replacing it. */
  readonly doesFlagMerge: boolean;
  readonly isBoolean: boolean;
  /** True when a file's value means the same as leaving it out. */
  isUnset(raw: unknown): boolean;
  /** `baseDir`: what relative paths are relative to. */
  parse(raw: unknown, baseDir: string): Parsed<T>;
  /** Turns the values of a repeated flag into what a file would hold. */
  readFlag(texts: readonly string[]): unknown;
  /** The value as it would stand in a file. */
  show(value: T): unknown;
}

export function good<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function bad(message: string, suffix = ''): Parsed<never> {
  return { ok: false, problems: [{ suffix, message }] };
}

/** What was found, short enough for one line. */
export function found(raw: unknown): string {
  const text = JSON.stringify(raw) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

interface FieldParts<T> extends FieldOptions {
  readonly type: string;
  readonly fallback: T;
  readonly isMap?: boolean;
  readonly doesFlagMerge?: boolean;
  readonly isBoolean?: boolean;
  readonly isUnset?: (raw: unknown) => boolean;
  readonly parse: (raw: unknown, baseDir: string) => Parsed<T>;
  readonly readFlag?: (texts: readonly string[]) => unknown;
  readonly show?: (value: T) => unknown;
}

export function makeField<T>(parts: FieldParts<T>): Field<T> {
  return {
    type: parts.type,
    status: parts.status ?? 'honoured',
    flag: parts.flag,
    note: parts.note,
    fallback: parts.fallback,
    isMap: parts.isMap ?? false,
    doesFlagMerge: parts.doesFlagMerge ?? false,
    isBoolean: parts.isBoolean ?? false,
    isUnset: raw => raw === null || raw === undefined || (parts.isUnset?.(raw) ?? false),
    parse: parts.parse,
    readFlag: parts.readFlag ?? (texts => texts.at(-1)),
    show: parts.show ?? (value => value),
  };
}

interface NumberOptions extends FieldOptions {
  readonly min?: number;
  readonly max?: number;
  readonly multipleOf?: number;
}

export function int<D extends number | undefined>(
  fallback: D,
  options: NumberOptions = {},
): Field<number | D> {
  return makeField<number | D>({
    ...options,
    type: 'integer',
    fallback,
    isUnset: raw => raw === 0 && options.zero === 'default',
    parse: raw => {
      if (typeof raw !== 'number' || !Number.isInteger(raw)) {
        return bad(`expected a whole number, got ${found(raw)}`);
      }
      return inRange(raw, options);
    },
    readFlag: texts => numberOrText(texts.at(-1) ?? ''),
  });
}

export function float(fallback: number, options: NumberOptions = {}): Field<number> {
  return makeField({
    ...options,
    type: 'number',
    fallback,
    parse: raw =>
      typeof raw === 'number' ? inRange(raw, options) : bad(`expected a number, got ${found(raw)}`),
    readFlag: texts => numberOrText(texts.at(-1) ?? ''),
  });
}

function inRange(value: number, { min, max, multipleOf }: NumberOptions): Parsed<number> {
  if (min !== undefined && max !== undefined && (value < min || value > max)) {
    return bad(`must be between ${min} and ${max}, got ${value}`);
  }
  if (min !== undefined && value < min) return bad(`must be ${min} or greater, got ${value}`);
  if (multipleOf !== undefined && value % multipleOf !== 0) {
    return bad(`must be a multiple of ${multipleOf}, got ${value}`);
  }
  return good(value);
}

function numberOrText(text: string): unknown {
  return /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

export function bool<D extends boolean | undefined>(
  fallback: D,
  options: FieldOptions = {},
): Field<boolean | D> {
  return makeField<boolean | D>({
    ...options,
    type: 'boolean',
    fallback,
    isBoolean: true,
    parse: raw => (typeof raw === 'boolean' ? good(raw) : bad(`expected true or false, got ${found(raw)}`)),
    readFlag: texts => boolOrText(texts.at(-1) ?? 'true'),
  });
}

/** The spellings Go's strconv.ParseBool takes; anything else is left for the parser to complain about. */
export function boolOrText(text: string): unknown {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  return text;
}

interface TextOptions extends FieldOptions {
  readonly check?: (value: string) => string | undefined;
}

/** An empty text means "not set"; `zero: 'value'` keeps it. */
export function text<D extends string | undefined>(
  fallback: D,
  options: TextOptions = {},
): Field<string | D> {
  return makeField<string | D>({
    ...options,
    type: 'text',
    fallback,
    isUnset: raw => raw === '' && options.zero !== 'value',
    parse: raw => {
      if (typeof raw !== 'string') return bad(`expected text, got ${found(raw)}`);
      const complaint = raw === '' ? undefined : options.check?.(raw);
      return complaint === undefined ? good(raw) : bad(complaint);
    },
  });
}

/** A relative path in a file starts at the file's directory, in a flag at the working directory. */
export function path<D extends string | undefined>(
  fallback: D,
  options: FieldOptions = {},
): Field<string | D> {
  return makeField<string | D>({
    ...options,
    type: 'path',
    fallback,
    isUnset: raw => raw === '' && options.zero !== 'value',
    parse: (raw, baseDir) => {
      if (typeof raw !== 'string') return bad(`expected a path, got ${found(raw)}`);
      if (raw === '') return good(raw);
      return good(isAbsolute(raw) ? normalize(raw) : resolve(baseDir, raw));
    },
  });
}

export function choice<const C extends string>(
  choices: readonly C[],
  fallback: NoInfer<C>,
  options: FieldOptions = {},
): Field<C> {
  return makeField<C>({
    ...options,
    type: choices.join('|'),
    fallback,
    isUnset: raw => raw === '',
    parse: raw => {
      const chosen = choices.find(candidate => candidate === raw);
      return chosen === undefined
        ? bad(`expected one of ${choices.join(', ')}, got ${found(raw)}`)
        : good(chosen);
    },
  });
}

interface DurationOptions extends FieldOptions {
  readonly minMs?: number;
  readonly maxMs?: number;
}

/** A Go duration (`1m30s`), kept in milliseconds. Zero in a file means "not set" unless `zero: 'value'`. */
export function duration(fallbackMs: number, options: DurationOptions = {}): Field<number> {
  return makeField({
    ...options,
    type: 'duration',
    fallback: fallbackMs,
    isUnset: raw => options.zero !== 'value' && (raw === 0 || raw === '' || parseDurationValue(raw) === 0),
    parse: raw => {
      const durationMs = parseDurationValue(raw);
      if (durationMs === undefined) return bad(`expected a duration like 10s or 1m30s, got ${found(raw)}`);
      const { minMs = 0, maxMs } = options;
      if (durationMs < minMs) return bad(`must be ${formatDuration(minMs)} or longer, got ${found(raw)}`);
      if (maxMs !== undefined && durationMs > maxMs) {
        return bad(`must be ${formatDuration(maxMs)} or shorter, got ${found(raw)}`);
      }
      return good(durationMs);
    },
    show: formatDuration,
  });
}

function parseDurationValue(raw: unknown): number | undefined {
  if (raw === 0) return 0;
  return typeof raw === 'string' ? parseDuration(raw) : undefined;
}

/** A quantity of bytes (`10Mi`). */
export function bytes(fallback: string, options: FieldOptions = {}): Field<number> {
  return makeField({
    ...options,
    type: 'quantity',
    fallback: parseQuantity(fallback) ?? Number.NaN,
    isUnset: raw => raw === '',
    parse: raw => {
      const amount = typeof raw === 'number' ? raw : typeof raw === 'string' ? parseQuantity(raw) : undefined;
      if (amount === undefined) return bad(`expected a quantity like 10Mi, got ${found(raw)}`);
      return amount > 0 ? good(Math.ceil(amount)) : bad(`must be greater than 0, got ${found(raw)}`);
    },
    show: formatQuantity,
  });
}

interface ListOptions extends FieldOptions {
  readonly check?: (item: string) => string | undefined;
}

export function list(fallback: readonly string[], options: ListOptions = {}): Field<readonly string[]> {
  return makeField<readonly string[]>({
    ...options,
    type: 'list',
    fallback,
    parse: raw => {
      if (!Array.isArray(raw)) return bad(`expected a list, got ${found(raw)}`);
      const items: string[] = [];
      const problems: FieldProblem[] = [];
      for (const [index, item] of raw.entries()) {
        const complaint =
          typeof item === 'string' ? options.check?.(item) : `expected text, got ${found(item)}`;
        if (complaint !== undefined) problems.push({ suffix: `[${index}]`, message: complaint });
        else items.push(String(item));
      }
      return problems.length > 0 ? { ok: false, problems } : good(items);
    },
    readFlag: texts => texts.flatMap(part => (part === '' ? [] : part.split(',').map(item => item.trim()))),
  });
}

/** Kept as written: fields we accept but do not look into. */
export function opaque(type: string, options: FieldOptions): Field<unknown> {
  return makeField<unknown>({ ...options, type, fallback: undefined, parse: good });
}
