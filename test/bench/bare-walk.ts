import {openThread} from '../../cmd/program.ts';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {joinPath, type Path, rootPath} from '../../core/entry/path.ts';
import type {DirectoryReading} from '../../drivers/source-fs/directory-reader.ts';
import {atEmptyPath, Libc} from '../../drivers/source-fs/libc.ts';
import {StatxBuffer} from '../../drivers/source-fs/statx.ts';
import {Walkers} from '../../drivers/source-fs/walkers.ts';

/** The walkers of a source alone: reads a whole tree, and keeps nothing. `node bare-walk.ts ROOT THREADS` prints what it found. */
export type BareWalk = {entries: number; directories: number; seconds: number};

const [root = '', threads = '2'] = process.argv.slice(2);
const walkers = new Walkers(
  openThread,
  Number(threads),
  {root: {path: root, identity: identityOf(root)}, exclude: [], inotify: {descriptor: -1, mask: 0}, nice: 0},
  error => {
    throw error;
  },
);
const startedAt = performance.now();
const found = await walk();
console.log(JSON.stringify({...found, seconds: (performance.now() - startedAt) / 1000} satisfies BareWalk));
await walkers.close();

function walk(): Promise<Omit<BareWalk, 'seconds'>> {
  const sum = {entries: 0, directories: 0};
  return new Promise((resolve, reject) => {
    let left = 0;
    const read = (path: Path) => {
      left++;
      const done = (reading: DirectoryReading | string) => {
        if (typeof reading === 'string') return reject(new Error(`${path}: ${reading}`));
        sum.entries += reading.count;
        sum.directories++;
        for (const {name} of reading.directories) read(joinPath(path, name as ByteString));
        if (--left === 0) resolve(sum);
      };
      const begin = () => ({path, wanted: 'reading', mayWatch: false}) as const;
      walkers.walk({begin, onWatched() {}, done: found => done(found as DirectoryReading | string)}, {isUrgent: false});
    };
    read(rootPath);
  });
}

function identityOf(path: string): string {
  const libc = new Libc();
  const stat = new StatxBuffer();
  const descriptor = libc.openRoot(path);
  libc.statx(descriptor, '', stat.pointer, atEmptyPath);
  libc.close(descriptor);
  return stat.identity;
}
