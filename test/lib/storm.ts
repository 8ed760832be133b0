import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {Prng} from './prng.ts';

// biome-ignore format: a table
const operations = [
  'create', 'create', 'create', 'write', 'append', 'truncate', 'chmod', 'touch', 'remove', 'remove', 'rename', 'rename',
  'replace', 'mkdir', 'mkdir-fill', 'mkdir-fill', 'rename-directory', 'remove-directory', 'symlink',
] as const;

/**
 * So many random changes below a directory, the same for the same seed and the same tree. Synchronous, so as fast as it goes.
 * Hard links are not among them: a write through one name of a file gives no event for its other names, which only a scan
 * finds (see `drivers/source-fs/DESIGN.md`).
 */
export function storm(root: string, seed: number, count: number): void {
  const random = new Prng(seed);
  const directories = listDirectories(root, 400);
  const files: string[] = [];
  for (const directory of directories) {
    for (const entry of readdirSync(directory, {withFileTypes: true}).slice(0, 20)) {
      if (entry.isFile()) files.push(join(directory, entry.name));
    }
  }
  const names = ['plain', 'with space', 'new\nline', '100%', '"quoted"', 'ümläut', 'x'.repeat(200)];
  let made = 0;
  const freshName = () => `${names[random.below(names.length)]}-${seed}-${made++}`;
  const someDirectory = () => random.pick(directories) ?? root;
  const someFile = () => random.pick(files);

  for (let i = 0; i < count; i++) {
    const operation = random.pick(operations)!;
    try {
      switch (operation) {
        case 'create': {
          const path = join(someDirectory(), freshName());
          writeFileSync(path, 'created');
          files.push(path);
          break;
        }
        case 'write':
          writeFileSync(someFile() ?? '', 'x'.repeat(random.below(5000)), {flag: 'r+'});
          break;
        case 'append':
          appendFileSync(someFile() ?? '', 'more', {flag: 'a'});
          break;
        case 'truncate':
          truncateSync(someFile() ?? '', random.below(100));
          break;
        case 'chmod':
          chmodSync(someFile() ?? '', random.below(2) ? 0o600 : 0o644);
          break;
        case 'touch':
          utimesSync(someFile() ?? '', random.below(2 ** 31), random.below(2 ** 31));
          break;
        case 'remove':
          rmSync(someFile() ?? '');
          break;
        case 'rename': {
          const from = someFile() ?? '';
          const to = join(someDirectory(), freshName());
          renameSync(from, to);
          files.push(to);
          break;
        }
        case 'replace':
          renameSync(someFile() ?? '', someFile() ?? '');
          break;
        case 'mkdir': {
          const path = join(someDirectory(), freshName());
          mkdirSync(path);
          directories.push(path);
          break;
        }
        case 'mkdir-fill': {
          const path = join(someDirectory(), freshName());
          mkdirSync(path);
          writeFileSync(join(path, 'f'), 'f');
          mkdirSync(join(path, 'e'));
          writeFileSync(join(path, 'e', 'g'), 'g');
          directories.push(path, join(path, 'e'));
          files.push(join(path, 'f'), join(path, 'e', 'g'));
          break;
        }
        case 'rename-directory': {
          const to = join(someDirectory(), freshName());
          // Mostly small ones: a storm that moves everything into everything has little left to do.
          const from = directories[directories.length - 1 - random.below(Math.min(directories.length, 100))]!;
          renameSync(from, to);
          directories.push(to);
          break;
        }
        case 'remove-directory': {
          const path = random.pick(directories.slice(-200)) ?? root;
          if (path !== root && random.below(6) === 0) rmSync(path, {recursive: true, force: true});
          break;
        }
        case 'symlink':
          symlinkSync(random.below(2) ? 'nowhere' : '.', join(someDirectory(), freshName()));
          break;
        default:
          operation satisfies never;
      }
    } catch (error) {
      // Much of what is chosen has been moved or removed by now; that is part of the storm.
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }
}

function listDirectories(root: string, max: number): string[] {
  const found = [root];
  for (let i = 0; i < found.length && found.length < max; i++) {
    for (const entry of readdirSync(found[i]!, {withFileTypes: true})) {
      if (entry.isDirectory()) found.push(join(found[i]!, entry.name));
    }
  }
  return found;
}

if (import.meta.main) {
  const [root, seed, count] = process.argv.slice(2);
  if (root === undefined || !(Number(count) > 0)) throw new Error('Usage: storm.ts DIRECTORY SEED OPERATIONS');
  storm(root, Number(seed), Number(count));
}
