/** What a row of `fs/changes` says. */
export type ToldRow = {
  seq: number;
  change: 'created' | 'modified' | 'deleted' | 'moved';
  path: string;
  path_b64?: string;
  from?: string;
  from_b64?: string;
  content_type?: string;
  size?: number;
  modified_time?: number | string;
  integrity_suspect?: boolean;
};

type Attributes = Pick<ToldRow, 'content_type' | 'size' | 'modified_time' | 'integrity_suspect'>;

/** A tree as somebody has it who began with a copy and has applied every change that was told since. Paths are bytes. */
export class ReplayedTree {
  readonly entries = new Map<string, Attributes>();

  apply(row: ToldRow): void {
    const path = bytesOf(row.path, row.path_b64);
    const attributes = attributesOf(row);
    switch (row.change) {
      case 'modified':
        this.entries.set(path, attributes);
        return;
      case 'deleted':
        this.#takeOut(path);
        return;
      case 'created':
        this.#takeOut(path);
        this.entries.set(path, attributes);
        return;
      case 'moved': {
        const moved = this.#takeOut(bytesOf(row.from!, row.from_b64));
        this.#takeOut(path);
        for (const [below, its] of moved) this.entries.set(`${path}${below}`, its);
        this.entries.set(path, attributes);
      }
    }
  }

  /** Sorted by path. */
  get lines(): string[] {
    return [...this.entries].map(([path, its]) => lineOf(path, its)).sort();
  }

  /** An entry and all below it, by what their paths have behind its own. */
  #takeOut(path: string): Map<string, Attributes> {
    const taken = new Map<string, Attributes>();
    for (const [at, its] of this.entries) {
      if (at !== path && !at.startsWith(path === '/' ? '/' : `${path}/`)) continue;
      taken.set(at.slice(path === '/' ? 0 : path.length), its);
      this.entries.delete(at);
    }
    return taken;
  }
}

export function lineOf(path: string, its: Attributes): string {
  return `${path}|${its.content_type}|${its.size}|${its.modified_time}|${its.integrity_suspect}`;
}

function attributesOf({content_type, size, modified_time, integrity_suspect}: ToldRow): Attributes {
  return {content_type, size, modified_time, integrity_suspect} as Attributes;
}

function bytesOf(text: string, base64: string | undefined): string {
  return (base64 === undefined ? Buffer.from(text) : Buffer.from(base64, 'base64url')).toString('latin1');
}
