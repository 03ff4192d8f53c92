/** Who is to be told of changes, one after the other and in the same turn: a listener wakes somebody and returns. */
export class Listeners<Subject extends readonly unknown[] = []> {
  readonly #all = new Set<(...subject: Subject) => void>();

  /** Returns what ends it. */
  add(listener: (...subject: Subject) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  tell(...subject: Subject): void {
    for (const listener of this.#all) listener(...subject);
  }
}
