/**
 * What is under way, by when it began: so that one can wait for all that began before a moment, and for nothing that began later.
 * An age is the count of such moments that had passed. What one thing leads to (a look to a reading, that to more of them) has the
 * age of the thing, and begins before it ends.
 */
export class Ages {
  readonly #underway = new Map<number, number>();
  #moments = 0;
  #inherited: number | undefined;
  #waiting: {age: number; resolve: () => void}[] = [];

  /** Of what begins now. */
  get current(): number {
    return this.#inherited ?? this.#moments;
  }

  /** Returns its age, which `end` wants. */
  begin(): number {
    const age = this.current;
    this.#underway.set(age, (this.#underway.get(age) ?? 0) + 1);
    return age;
  }

  end(age: number): void {
    const left = this.#underway.get(age)! - 1;
    if (left > 0) {
      this.#underway.set(age, left);
      return;
    }
    this.#underway.delete(age);
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(one => this.#isAny(one.age));
    for (const one of waiting) if (!this.#waiting.includes(one)) one.resolve();
  }

  /** What begins in the body is as old as what led to it. */
  during(age: number, body: () => void): void {
    const before = this.#inherited;
    this.#inherited = age;
    try {
      body();
    } finally {
      this.#inherited = before;
    }
  }

  /** Resolves in the turn in which all that had begun before the call, and what it led to, is over. */
  past(): Promise<void> {
    const age = this.#moments++;
    return new Promise(resolve => {
      if (this.#isAny(age)) this.#waiting.push({age, resolve});
      else resolve();
    });
  }

  #isAny(upTo: number): boolean {
    for (const age of this.#underway.keys()) if (age <= upTo) return true;
    return false;
  }
}
