// Environment files (KEP-3721): `NAME='value'` lines, values in single quotes, possibly over several lines; pure.

export type EnvFileValue =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'invalid'; readonly line: number };

const DECLARATION = /^([^=]*[^= \t])=(.*)$/;
const AFTER_VALUE = /^[ \t]*(?:#.*)?$/;

/** The value of the key; a line before it that is no declaration makes the file invalid. */
export function findInEnvFile(text: string, key: string): EnvFileValue {
  const lines = text.split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const line = (lines[index] ?? '').replace(/^[ \t]+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const start = index;
    const [, name, rest = ''] = DECLARATION.exec(line) ?? [];
    if (name === undefined) return { kind: 'invalid', line: start + 1 };
    if (/^(?:[ \t]|$)/.test(rest)) {
      if (rest === '') return { kind: 'invalid', line: start + 1 };
      if (name === key) return { kind: 'missing' }; // as a shell takes it: declared, with nothing
      continue;
    }
    if (!rest.startsWith("'")) return { kind: 'invalid', line: start + 1 };
    const value = [rest.slice(1)];
    while (!value.at(-1)?.includes("'")) {
      index += 1;
      const next = lines[index];
      if (next === undefined) return { kind: 'invalid', line: start + 1 };
      value.push(next);
    }
    const last = value.pop() ?? '';
    const quote = last.indexOf("'");
    if (!AFTER_VALUE.test(last.slice(quote + 1))) return { kind: 'invalid', line: index + 1 };
    if (name === key) return { kind: 'value', value: [...value, last.slice(0, quote)].join('\n') };
  }
  return { kind: 'missing' };
}
