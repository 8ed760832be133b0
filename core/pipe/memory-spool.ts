import type {ByteString} from '../entry/byte-string.ts';
import {joinPath, type Path, pathNames, rootPath, splitPath} from '../entry/path.ts';
import {FustorError} from '../errors/fustor-error.ts';
import type {FsEvent} from '../protocol/events.ts';
import {memoryBytes} from './event-bytes.ts';
import {type Key, type Mention, type MentionKind, mentionsOf, type Spool, type SpoolRows} from './spool.ts';

type Node = {
  name: ByteString;
  parent: Node | undefined;
  children: Map<ByteString, Node> | undefined;
  mentions: Mention[];
};

/** A spool in memory: the events in their order, and a tree of the names that they speak of. */
export class MemorySpool implements Spool, SpoolRows {
  readonly #bytesMax: number;
  /** By place. A Map keeps the order in which places were made, and they only grow. */
  #events = new Map<number, FsEvent>();
  #root = newNode('' as ByteString, undefined);
  #source = new Map<Key, Mention[]>();
  #nextPlace = 1;
  #bytes = 0;
  #counts: Partial<Record<MentionKind, number>> = {};

  constructor({bytesMax}: {bytesMax: number} = {bytesMax: Number.POSITIVE_INFINITY}) {
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#events.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get renames(): number {
    return this.#counts.to ?? 0;
  }

  get gaps(): number {
    return this.#counts.gap ?? 0;
  }

  change<T>(body: (rows: SpoolRows) => T): T {
    const result = body(this);
    if (this.#bytes <= this.#bytesMax) return result;
    throw new FustorError('STORE_FULL', `The spool holds ${this.#bytes} bytes; it may hold ${this.#bytesMax}.`);
  }

  clear(): void {
    this.#events = new Map();
    this.#root = newNode('' as ByteString, undefined);
    this.#source = new Map();
    this.#bytes = 0;
    this.#counts = {};
  }

  close(): void {
    this.clear();
  }

  append(event: FsEvent): void {
    this.#put(this.#nextPlace++, event);
  }

  replace(place: number, event: FsEvent): void {
    this.#forget(place);
    this.#put(place, event);
  }

  remove(place: number): void {
    this.#forget(place);
    this.#events.delete(place);
  }

  has(place: number): boolean {
    return this.#events.has(place);
  }

  read(place: number): FsEvent {
    return this.#events.get(place)!;
  }

  first({eventsMax, bytesMax}: {eventsMax: number; bytesMax: number}): {place: number; event: FsEvent}[] {
    const found: {place: number; event: FsEvent}[] = [];
    let bytes = 0;
    for (const [place, event] of this.#events) {
      bytes += memoryBytes(event);
      if (found.length > 0 && (found.length >= eventsMax || bytes > bytesMax)) break;
      found.push({place, event});
    }
    return found;
  }

  at(key: Key): readonly Mention[] {
    return this.#mentionsAt(key) ?? none;
  }

  *below(path: Path): Iterable<{path: Path; mentions: readonly Mention[]}> {
    const top = this.#find(path);
    const stack = top ? [{node: top, path}] : [];
    for (let one = stack.pop(); one; one = stack.pop()) {
      for (const child of one.node.children?.values() ?? []) {
        const below = {node: child, path: joinPath(one.path, child.name)};
        stack.push(below);
        if (child.mentions.length > 0) yield {path: below.path, mentions: child.mentions};
      }
    }
  }

  directory(): Path | undefined {
    if (this.#root.mentions.length === 0 && !this.#root.children?.size) return undefined;
    let node = this.#root;
    let path = rootPath;
    while (node.mentions.length === 0 && node.children?.size === 1) {
      [node] = node.children.values() as Iterable<Node> as [Node];
      path = joinPath(path, node.name);
    }
    return node.mentions.every(({kind}) => kind === 'gap') ? path : splitPath(path).parent;
  }

  #put(place: number, event: FsEvent): void {
    this.#events.set(place, event);
    this.#bytes += memoryBytes(event);
    for (const {key, kind} of mentionsOf(event)) {
      this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
      const mentions = this.#mentionsFor(key);
      mentions.push({place, kind});
      // One that was replaced keeps its place among later ones.
      if (mentions.length > 1 && mentions.at(-2)!.place > place) mentions.sort((a, b) => a.place - b.place);
    }
  }

  #forget(place: number): void {
    const event = this.#events.get(place)!;
    this.#bytes -= memoryBytes(event);
    for (const {key, kind} of mentionsOf(event)) {
      this.#counts[kind]!--;
      const mentions = this.#mentionsAt(key)!;
      mentions.splice(
        mentions.findIndex(mention => mention.place === place && mention.kind === kind),
        1,
      );
      if (mentions.length === 0) this.#prune(key);
    }
  }

  #mentionsAt(key: Key): Mention[] | undefined {
    return isPathKey(key) ? this.#find(key)?.mentions : this.#source.get(key);
  }

  #mentionsFor(key: Key): Mention[] {
    if (isPathKey(key)) return this.#make(key).mentions;
    let mentions = this.#source.get(key);
    if (!mentions) {
      mentions = [];
      this.#source.set(key, mentions);
    }
    return mentions;
  }

  #find(path: Path): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of pathNames(path)) node = node?.children?.get(name);
    return node;
  }

  #make(path: Path): Node {
    let node = this.#root;
    for (const name of pathNames(path)) {
      node.children ??= new Map();
      let child = node.children.get(name);
      if (!child) {
        child = newNode(name, node);
        node.children.set(name, child);
      }
      node = child;
    }
    return node;
  }

  /** Forgets names of which nothing is said any more. */
  #prune(key: Key): void {
    if (!isPathKey(key)) {
      this.#source.delete(key);
      return;
    }
    let node = this.#find(key)!;
    while (node.parent && node.mentions.length === 0 && (node.children?.size ?? 0) === 0) {
      node.parent.children!.delete(node.name);
      node = node.parent;
    }
  }
}

const none: readonly Mention[] = [];

function isPathKey(key: Key): key is Path {
  return key.startsWith('/');
}

function newNode(name: ByteString, parent: Node | undefined): Node {
  return {name, parent, children: undefined, mentions: []};
}
