import type {Meta, TreeNode} from '../api.ts';

/**
 * Joins the pages of a tree into one JSON document, `{"data": …, "meta": …}`, and gives out each piece as soon as it is
 * known, so that no more than a page is in memory.
 *
 * A page may end inside a directory; the next one then repeats the directories that lead to where it goes on (marked
 * `continued`). So the directories on the way to the last entry stay open until a page shows that they are not continued.
 */
export class JsonTree {
  /** From the root to the last entry: the directories whose brackets are not closed yet. */
  readonly #open: OpenDirectory[] = [];
  #text = '';
  #isComplete = true;
  #meta: Meta = {};

  /** The text that this page adds. */
  page(data: TreeNode, meta: Meta): string {
    if (this.#open.length === 0) this.#text += '{"data":';
    this.#write(data, 0);
    this.#isComplete &&= meta.complete !== false;
    this.#meta = meta;
    return this.#take();
  }

  /** What closes the document. `meta` is that of the last page; complete is what all pages were. */
  end(): string {
    this.#closeTo(0);
    const complete = this.#meta.complete === undefined ? {} : {complete: this.#isComplete};
    this.#text += `,"meta":${JSON.stringify({...this.#meta, ...complete})}}\n`;
    return this.#take();
  }

  #write(node: TreeNode, depth: number): void {
    const key = node.name_b64 ?? node.name;
    const {children, ...own} = node;
    const isOpen = node.continued === true && this.#open[depth]?.key === key;
    if (!isOpen) {
      this.#closeTo(depth);
      this.#separate();
      this.#text += JSON.stringify(own).slice(0, -1);
      this.#open.push({key, childCount: undefined});
    }
    if (!children) return;
    this.#beginChildren(this.#open[depth]);
    for (const child of children) this.#write(child, depth + 1);
  }

  #closeTo(depth: number): void {
    while (this.#open.length > depth) this.#text += this.#open.pop()!.childCount === undefined ? '}' : ']}';
  }

  #beginChildren(directory: OpenDirectory): void {
    if (directory.childCount !== undefined) return;
    directory.childCount = 0;
    this.#text += ',"children":[';
  }

  /** A comma before every child but the first. */
  #separate(): void {
    const parent = this.#open.at(-1);
    if (parent?.childCount) this.#text += ',';
    if (parent?.childCount !== undefined) parent.childCount++;
  }

  #take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}

/** `childCount` is undefined while the array of children has not begun. */
type OpenDirectory = {key: string | undefined; childCount: number | undefined};
