/**
 * What is under way, by when it began: so that one can wait for all that began before a moment, and for nothing that began later.
 * An age is the count of such moments that had passed. What one thing leads to (a look to a reading, that to more of them) has the
 * age of the thing, and begins before it ends.
 *
 * What a scan has found and will tell itself is counted apart: whoever waits for a moment waits for it, another scan does not.
 */
export class Ages {
  readonly #underway: Counts = new Map();
  readonly #found: Counts = new Map();
  #moments = 0;
  #inherited: number | undefined;
  #waiting: {age: number; counts: Counts[]; resolve: () => void}[] = [];

  /** Of what begins now. */
  get current(): number {
    return this.#inherited ?? this.#moments;
  }

  /** Returns its age, which `end` wants. */
  begin(): number {
    return this.#begin(this.#underway);
  }

  end(age: number): void {
    this.#end(this.#underway, age);
  }

  /** As `begin`, for what a scan will tell. */
  beginFound(): number {
    return this.#begin(this.#found);
  }

  endFound(age: number): void {
    this.#end(this.#found, age);
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
    return this.#over([this.#underway, this.#found]);
  }

  /** As `past`, without what scans will tell. */
  pastButFound(): Promise<void> {
    return this.#over([this.#underway]);
  }

  #over(counts: Counts[]): Promise<void> {
    const age = this.#moments++;
    return new Promise(resolve => {
      if (isAny(counts, age)) this.#waiting.push({age, counts, resolve});
      else resolve();
    });
  }

  #begin(counts: Counts): number {
    const age = this.current;
    counts.set(age, (counts.get(age) ?? 0) + 1);
    return age;
  }

  #end(counts: Counts, age: number): void {
    const left = counts.get(age)! - 1;
    if (left > 0) {
      counts.set(age, left);
      return;
    }
    counts.delete(age);
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(one => isAny(one.counts, one.age));
    for (const one of waiting) if (!this.#waiting.includes(one)) one.resolve();
  }
}

/** How many things of each age are under way. */
type Counts = Map<number, number>;

function isAny(counts: readonly Counts[], upTo: number): boolean {
  for (const ages of counts) for (const age of ages.keys()) if (age <= upTo) return true;
  return false;
}
