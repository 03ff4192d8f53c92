// Shell patterns as Go's filepath.Match has them: `*`, `?`, classes, and a backslash before what stands for itself. Not by
// way of a regular expression: a pattern may come from a user's Secret, and one with a few stars would run for hours.

type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'one'; readonly fits: (character: string) => boolean };

/** In time that grows with the product of the two lengths at most; a pattern that is none matches nothing. */
export function matchesGlob(glob: string, text: string): boolean {
  const tokens = parseGlob(glob);
  if (!tokens) return false;
  let token = 0;
  let character = 0;
  // What comes after the last star, and how much of the text that star has taken so far.
  let afterStar: number | undefined;
  let taken = 0;
  while (character < text.length) {
    const wanted = tokens[token];
    if (wanted?.kind === 'star') {
      token += 1;
      afterStar = token;
      taken = character;
    } else if (wanted?.fits(text.charAt(character))) {
      token += 1;
      character += 1;
    } else {
      if (afterStar === undefined) return false;
      taken += 1;
      token = afterStar;
      character = taken;
    }
  }
  return tokens.slice(token).every(({ kind }) => kind === 'star');
}

function parseGlob(glob: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  for (let index = 0; index < glob.length; index += 1) {
    const character = glob.charAt(index);
    if (character === '*') tokens.push({ kind: 'star' });
    else if (character === '?') tokens.push({ kind: 'one', fits: () => true });
    else if (character === '[') {
      const [whole, isNot, inside = ''] = /^\[(\^?)((?:\\.|[^\]\\])+)\]/.exec(glob.slice(index)) ?? [];
      const isInside = whole === undefined ? undefined : parseClass(inside);
      if (whole === undefined || !isInside) return undefined;
      tokens.push({ kind: 'one', fits: one => isInside(one) !== (isNot === '^') });
      index += whole.length - 1;
    } else {
      if (character === '\\') index += 1;
      const literal = glob.charAt(index);
      if (literal === '') return undefined;
      tokens.push({ kind: 'one', fits: one => one === literal });
    }
  }
  return tokens;
}

/** `a-z05`; undefined when a range has only one end. */
function parseClass(inside: string): ((character: string) => boolean) | undefined {
  const parts = Array.from(inside.matchAll(/(\\.|[^-\\])(?:-(\\.|[^-\\]))?/gs));
  if (parts.map(([part]) => part).join('') !== inside) return undefined;
  const plain = (text: string): string => text.replace(/^\\/, '');
  const ranges = parts.map(([, from = '', to = from]) => [plain(from), plain(to)] as const);
  return character => ranges.some(([from, to]) => from <= character && character <= to);
}
