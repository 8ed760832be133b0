import {spawnSync} from 'node:child_process';
import {closeSync, mkdirSync, openSync, symlinkSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';

/** Everything that a file system may hold and a program may stumble over, in a new directory. Resolves to what keeps a socket. */
export async function makeStrangeTree(root: string): Promise<() => void> {
  mkdirSync(root);
  const raw = (name: Buffer) => Buffer.concat([Buffer.from(`${root}/`), name]);
  for (const name of [
    'new\nline',
    '"quotes"',
    "it's",
    '100%',
    '%41',
    'a+b',
    'back\\slash',
    ' ',
    'ü',
    'tab\t',
    '*?[x]',
    '.hidden',
    '..dots',
  ]) {
    writeFileSync(join(root, name), name);
  }
  writeFileSync(join(root, 'x'.repeat(255)), '255');
  writeFileSync(raw(Buffer.from([0xff, 0xfe])), 'not UTF-8');
  writeFileSync(raw(Buffer.from('\ufffd')), 'the replacement character itself');
  mkdirSync(raw(Buffer.from([0xc3, 0x28])));
  writeFileSync(Buffer.concat([raw(Buffer.from([0xc3, 0x28])), Buffer.from('/inside')]), 'inside');
  mkdirSync(join(root, 'empty'));
  symlinkSync('nowhere', join(root, 'dangling'));
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync('.', join(root, 'self'));
  symlinkSync('empty', join(root, 'to-a-directory'));
  spawnSync('mkfifo', [join(root, 'fifo')]);
  makeDeep(join(root, 'deep'), 3_900);
  const server = createServer().listen(join(root, 'socket'));
  await new Promise(resolve => server.once('listening', resolve));
  return () => server.close();
}

/** Directories in each other until the path has about so many bytes. */
function makeDeep(path: string, bytes: number): void {
  let at = path;
  mkdirSync(at);
  while (at.length + 101 < bytes) {
    at = join(at, 'd'.repeat(100));
    mkdirSync(at);
  }
  closeSync(openSync(join(at, 'bottom'), 'w'));
}
