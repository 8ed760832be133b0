import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import type {Prng} from '../../lib/prng.ts';

type Directory = {name: string; parent: Directory | undefined; files: string[]; directories: Directory[]};

// biome-ignore format: a table
const operations = [
  'create', 'create', 'create', 'create', 'write', 'write', 'append', 'append', 'truncate', 'chmod', 'remove', 'remove',
  'rename', 'rename', 'replace', 'symlink', 'mkdir', 'rename-directory', 'remove-directory',
] as const;
type Operation = (typeof operations)[number];

const bounds = {files: 5_000, directories: 250, depth: 12};
const names = ['plain', 'with space', 'ümläut', '100%', '"quoted"', 'new\nline', 'x'.repeat(120)];

/** Nothing is written through a name that begins so: it is a symbolic link. */
const linkPrefix = 'link-';

/**
 * Changes below a directory, one at a time and the same for the same seed. It knows what it made, so every change is one; and
 * the tree stays within bounds, so that an hour of it is as heavy at its end as in its first minute.
 */
export class Changes {
  readonly #random: Prng;
  readonly #root: Directory;
  readonly #directories: Directory[];
  #files = 0;
  #made = 0;

  constructor(root: string, random: Prng) {
    this.#random = random;
    this.#root = {name: root, parent: undefined, files: [], directories: []};
    this.#directories = [this.#root];
  }

  /** Returns how many entries were touched: 0 when what was chosen cannot be done now. */
  next(): number {
    return this.#do(this.#random.pick(operations)!);
  }

  #do(operation: Operation): number {
    const directory = this.#random.pick(this.#directories)!;
    switch (operation) {
      case 'create':
        return this.#create(directory, path => writeFileSync(path, 'x'.repeat(this.#random.below(3_000))));
      case 'symlink':
        return this.#create(directory, path => symlinkSync('nowhere', path), linkPrefix);
      case 'write':
        return this.#toContent(directory, path => writeFileSync(path, 'y'.repeat(this.#random.below(3_000))));
      case 'append':
        return this.#toContent(directory, path => appendFileSync(path, 'more'));
      case 'truncate':
        return this.#toContent(directory, path => truncateSync(path, this.#random.below(100)));
      case 'chmod':
        return this.#toContent(directory, path => chmodSync(path, this.#random.below(2) ? 0o600 : 0o644));
      case 'remove':
        return this.#toFile(directory, (path, index) => {
          rmSync(path);
          directory.files.splice(index, 1);
          this.#files--;
        });
      case 'rename':
        return this.#rename(directory, this.#random.pick(this.#directories)!);
      case 'replace':
        return this.#replace(directory, this.#random.pick(this.#directories)!);
      case 'mkdir':
        return this.#mkdir(directory);
      case 'rename-directory':
        return this.#renameDirectory(directory, this.#random.pick(this.#directories)!);
      case 'remove-directory':
        return this.#removeDirectory(directory);
      default:
        return operation satisfies never;
    }
  }

  #create(directory: Directory, make: (path: string) => void, prefix = ''): number {
    if (this.#files >= bounds.files) return this.#do('remove');
    const name = prefix + this.#freshName();
    make(join(pathOf(directory), name));
    directory.files.push(name);
    this.#files++;
    return 1;
  }

  #toFile(directory: Directory, change: (path: string, index: number) => void): number {
    const index = this.#random.below(directory.files.length);
    const name = directory.files[index];
    if (name === undefined) return 0;
    change(join(pathOf(directory), name), index);
    return 1;
  }

  #toContent(directory: Directory, change: (path: string) => void): number {
    const name = this.#random.pick(directory.files);
    if (name === undefined || isLink(name)) return 0;
    change(join(pathOf(directory), name));
    return 1;
  }

  #rename(from: Directory, to: Directory): number {
    return this.#toFile(from, (path, index) => {
      const name = (isLink(from.files[index]!) ? linkPrefix : '') + this.#freshName();
      renameSync(path, join(pathOf(to), name));
      from.files.splice(index, 1);
      to.files.push(name);
    });
  }

  #replace(from: Directory, to: Directory): number {
    const replaced = this.#random.pick(to.files);
    if (replaced === undefined || isLink(replaced)) return 0;
    return this.#toFile(from, (path, index) => {
      if (isLink(from.files[index]!) || (from === to && from.files[index] === replaced)) return;
      renameSync(path, join(pathOf(to), replaced));
      from.files.splice(index, 1);
      this.#files--;
    });
  }

  #mkdir(parent: Directory): number {
    if (this.#directories.length >= bounds.directories || depthOf(parent) >= bounds.depth) return 0;
    const directory: Directory = {name: this.#freshName(), parent, files: [], directories: []};
    mkdirSync(pathOf(directory));
    parent.directories.push(directory);
    this.#directories.push(directory);
    return 1 + this.#create(directory, path => writeFileSync(path, 'first'));
  }

  #renameDirectory(directory: Directory, parent: Directory): number {
    const depthMax = depthOf(parent) + heightOf(directory);
    if (directory === this.#root || isBelow(parent, directory) || depthMax >= bounds.depth) return 0;
    const from = pathOf(directory);
    leave(directory);
    directory.parent = parent;
    directory.name = this.#freshName();
    parent.directories.push(directory);
    renameSync(from, pathOf(directory));
    return 1;
  }

  /** A small one, so that there is always a tree; often enough that new ones are made. */
  #removeDirectory(directory: Directory): number {
    const below = everythingBelow(directory);
    if (directory === this.#root || below.length > 4) return 0;
    rmSync(pathOf(directory), {recursive: true});
    leave(directory);
    const files = below.reduce((sum, one) => sum + one.files.length, 0);
    for (const one of below) this.#directories.splice(this.#directories.indexOf(one), 1);
    this.#files -= files;
    return files + below.length;
  }

  #freshName(): string {
    return `${this.#random.pick(names)}-${this.#made++}`;
  }
}

function isLink(name: string): boolean {
  return name.startsWith(linkPrefix);
}

function pathOf({name, parent}: Directory): string {
  return parent ? join(pathOf(parent), name) : name;
}

function depthOf({parent}: Directory): number {
  return parent ? 1 + depthOf(parent) : 0;
}

function heightOf({directories}: Directory): number {
  return 1 + Math.max(0, ...directories.map(heightOf));
}

function isBelow(directory: Directory | undefined, ancestor: Directory): boolean {
  return directory !== undefined && (directory === ancestor || isBelow(directory.parent, ancestor));
}

function everythingBelow(directory: Directory): Directory[] {
  return [directory, ...directory.directories.flatMap(everythingBelow)];
}

function leave(directory: Directory): void {
  const siblings = directory.parent!.directories;
  siblings.splice(siblings.indexOf(directory), 1);
}
