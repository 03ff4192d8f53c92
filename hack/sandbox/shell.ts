/** Quotes one word for sh(1). */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** One command line for sh(1) out of plain words. */
export function shellLine(...words: readonly string[]): string {
  return words.map(quote).join(' ');
}
