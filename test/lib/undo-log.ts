/** Changes to maps that can be taken back: what is written while a body runs stays only if the body returns. */
export class UndoLog {
  readonly #steps: (() => void)[] = [];

  set<K, V>(map: Map<K, V>, key: K, value: V): void {
    const hadKey = map.has(key);
    const before = map.get(key)!;
    this.#steps.push(() => (hadKey ? map.set(key, before) : map.delete(key)));
    map.set(key, value);
  }

  delete<K, V>(map: Map<K, V>, key: K): void {
    if (!map.has(key)) return;
    const before = map.get(key)!;
    this.#steps.push(() => map.set(key, before));
    map.delete(key);
  }

  /** Runs a body; if it throws, takes back what was changed since. */
  around<T>(body: () => T): T {
    this.#steps.length = 0;
    try {
      return body();
    } catch (error) {
      for (const step of this.#steps.reverse()) step();
      throw error;
    } finally {
      this.#steps.length = 0;
    }
  }
}
