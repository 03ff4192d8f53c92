// For what is kept for long and in great numbers: the same values as V8 stores them in the least memory.

/** Text that was put together from parts stays a tree of them, at several times the memory of the text. */
export function compactText<T extends string>(text: T): T {
  return Buffer.from(text).toString() as T; // the same text
}

/** A list that grew, as those of flatMap, filter and spreads do, has room for some sixteen elements more. */
export function compactList<T>(list: readonly T[]): readonly T[] {
  return list.slice();
}
