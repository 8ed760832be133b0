const bytesMax = 128 * 1024;

/** What a process has logged lately, for whoever asks and has no access to where its stderr goes. */
export class RecentLines {
  #lines: string[] = [];
  #bytes = 0;

  add(line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length;
    while (this.#bytes > bytesMax && this.#lines.length > 1) this.#bytes -= this.#lines.shift()!.length;
  }

  /** The last `count` of them, each with its line break. */
  tail(count: number): string {
    return this.#lines.slice(-count).join('');
  }
}
