// Environment files (KEP-3721): `NAME='value'` lines, values in single quotes, possibly over several lines; pure.

export type EnvFileValue =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'invalid'; readonly line: number };

const DECLARATION = /^([^=]*[^= \t])=(.*)$/;
const AFTER_VALUE = /^[ \t]*(?:#.*)?$/;

/** Looks keys up; a line before a key's that is no declaration makes the file invalid for it. Of several the first counts. */
export function parseEnvFile(text: string): (key: string) => EnvFileValue {
  const { values, invalid } = readDeclarations(text);
  return key => values.get(key) ?? invalid ?? { kind: 'missing' };
}

interface Declarations {
  readonly values: ReadonlyMap<string, EnvFileValue>;
  /** Where reading ended, unless at the end. */
  readonly invalid: EnvFileValue | undefined;
}

function readDeclarations(text: string): Declarations {
  const values = new Map<string, EnvFileValue>();
  const lines = text.split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const line = (lines[index] ?? '').replace(/^[ \t]+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const invalid = { kind: 'invalid', line: index + 1 } as const;
    const [, name, rest = ''] = DECLARATION.exec(line) ?? [];
    if (name === undefined || rest === '') return { values, invalid };
    if (/^[ \t]/.test(rest)) {
      if (!values.has(name)) values.set(name, { kind: 'missing' }); // as a shell takes it: declared, with nothing
      continue;
    }
    if (!rest.startsWith("'")) return { values, invalid };
    const value = [rest.slice(1)];
    while (!value.at(-1)?.includes("'")) {
      index += 1;
      const next = lines[index];
      if (next === undefined) return { values, invalid };
      value.push(next);
    }
    const last = value.pop() ?? '';
    const quote = last.indexOf("'");
    if (!AFTER_VALUE.test(last.slice(quote + 1))) {
      return { values, invalid: { kind: 'invalid', line: index + 1 } };
    }
    if (!values.has(name)) {
      values.set(name, { kind: 'value', value: [...value, last.slice(0, quote)].join('\n') });
    }
  }
  return { values, invalid: undefined };
}
