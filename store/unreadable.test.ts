import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, closeSync, copyFileSync, openSync, rmSync, statSync, truncateSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {fromText} from '../core/entry/byte-string.ts';
import {kinds, newEntryFrom} from '../core/entry/entry.ts';
import {rootPath} from '../core/entry/path.ts';
import {readMeta} from '../core/query/meta.ts';
import {resolve} from '../core/query/resolve.ts';
import {TreeAnswer} from '../core/query/tree-answer.ts';
import {rootDirectory, type TreeReader} from '../core/tree/tree-store.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {until} from '../test/lib/until.ts';
import {closeDatabases, openDatabases, putNumber} from './databases.ts';
import {directoryKey} from './keys.ts';
import {openTreeReader, openTreeStore} from './tree-store.ts';

let folder: ReturnType<typeof temporaryFolder>;
let reader: TreeReader | undefined;
let told: unknown[];
beforeEach(async () => {
  folder = temporaryFolder('fustor-unreadable-');
  told = [];
  await makeStore();
});
afterEach(async () => {
  await reader?.close();
  folder.remove();
});

const file = () => join(folder.path, 'tree.mdb');

async function makeStore(): Promise<void> {
  const time = {seconds: 1, nanos: 0};
  const store = await openTreeStore(folder.path);
  await store.write(txn => {
    for (let d = 0; d < 50; d++) {
      const attributes = {size: 1, mtime: time, ctime: time};
      const name = fromText(`d${d}`);
      const {directory} = txn.put(rootDirectory, newEntryFrom(name, {...attributes, kind: kinds.directory}));
      for (let f = 0; f < 100; f++)
        txn.put(directory, newEntryFrom(fromText(`f${f}`), {...attributes, kind: kinds.file}));
    }
    txn.setDirectory(rootDirectory, {listedAt: 1});
  });
  await store.close();
}

function open(): TreeReader {
  reader = openTreeReader(folder.path, fault => told.push(fault));
  return reader;
}

/** What a gateway tells of the root. */
function meta(from: TreeReader) {
  return from.read(txn => readMeta(txn, {view: 'site', nowMs: 1}, resolve(txn, rootPath)));
}

function tree(from: TreeReader): {data: {children: unknown[]}; meta: {sync: string; complete: boolean}} {
  const chunks: Buffer[] = [];
  const query = {view: 'site', path: rootPath, after: undefined, onlyPath: false};
  const limits = {depthMax: Number.POSITIVE_INFINITY, limit: Number.POSITIVE_INFINITY};
  let answer: TreeAnswer;
  chunks.push(
    from.read(txn => {
      answer = new TreeAnswer({...query, ...limits});
      return answer.next(txn, 1)!;
    }),
  );
  while (!answer!.isDone) chunks.push(from.read(txn => answer.next(txn, 1)!));
  return JSON.parse(Buffer.concat(chunks).toString());
}

/** Writes over all pages but the two that begin the file. */
function damage(): void {
  const descriptor = openSync(file(), 'r+');
  for (let page = 2; page < statSync(file()).size / 4096; page++) {
    writeSync(descriptor, Buffer.alloc(4096, 0xab), 0, 4096, page * 4096);
  }
  closeSync(descriptor);
}

async function newerFormat(): Promise<void> {
  const db = openDatabases(file(), {readOnly: false})!;
  db.root.transactionSync(() => putNumber(db, 'format', 99));
  await closeDatabases(file(), db);
}

test.each([
  ['damaged', damage, 'MDB_CORRUPTED'],
  ['of a newer program', newerFormat, 'STORE_FORMAT'],
  ['no store', () => copyFileSync(import.meta.filename, file()), 'STORE_FORMAT'],
  ['cut off', () => truncateSync(file(), 16 * 4096), 'STORE_FORMAT'],
] as const)(
  'a file that is %s reads as a tree of which nothing is known, and says why',
  async (_what, spoil, problem) => {
    await spoil();
    const found = tree(open());
    expect(found.data.children).toEqual([]);
    expect(found.meta).toMatchObject({sync: 'unreadable', complete: false});
    expect(meta(reader!)).toMatchObject({sync: 'unreadable', complete: false});
    expect(told.length).toBe(1);
    if (problem !== 'MDB_CORRUPTED') expect(meta(reader!).problem).toBe(problem);
  },
);

test('a file that is cut off is not written to, and nobody finds it whole later', async () => {
  truncateSync(file(), 16 * 4096);
  await expect(openTreeStore(folder.path)).rejects.toMatchObject({
    code: 'STORE_FORMAT',
    message: expect.stringContaining('the end of the file is missing'),
  });
  expect(statSync(file()).size).toBe(16 * 4096);
});

test('a block that is missing is the fault of the store and not of who writes there', async () => {
  const db = openDatabases(file(), {readOnly: false})!;
  const damaged = 7;
  db.root.transactionSync(() => void db.blocks.remove(directoryKey(damaged)));
  await closeDatabases(file(), db);
  const store = await openTreeStore(folder.path);
  const put = (directory: number) =>
    store.write(txn => {
      const time = {seconds: 2, nanos: 0};
      txn.put(directory, newEntryFrom(fromText('new'), {kind: kinds.file, size: 1, mtime: time, ctime: time}));
    });
  await expect(put(damaged)).rejects.toMatchObject({
    code: 'STORE_FAILED',
    message: expect.stringContaining('There is no block'),
    hint: expect.stringContaining('can be moved away'),
  });
  await put(damaged + 1);
  await store.close();
});

test('a file that is damaged while it is open is noticed by the first who reads it', () => {
  open();
  expect(tree(reader!).data.children).toHaveLength(50);
  damage();
  expect(tree(reader!).meta).toMatchObject({sync: 'unreadable', complete: false});
});

test('a store that can be read again is, within a second or two, and both are told once', async () => {
  copyFileSync(file(), `${file()}.whole`);
  await newerFormat();
  expect(meta(open()).sync).toBe('unreadable');
  for (let i = 0; i < 10; i++) meta(reader!);
  rmSync(file());
  copyFileSync(`${file()}.whole`, file());
  await until(() => tree(reader!).data.children.length === 50, {timeoutMs: 5_000});
  expect(told).toEqual([expect.objectContaining({code: 'STORE_FORMAT'}), undefined]);
});

test('a directory that goes and comes under a reader is an empty view, and then the new one', async () => {
  open();
  expect(tree(reader!).data.children).toHaveLength(50);
  rmSync(folder.path, {recursive: true});
  await until(() => meta(reader!).sync === 'empty', {timeoutMs: 5_000});
  await makeStore();
  await until(() => tree(reader!).data.children.length === 50, {timeoutMs: 5_000});
  expect(told).toEqual([]);
});

test.runIf(process.getuid?.() !== 0)('a folder that may not be entered is told, and nothing fails', () => {
  chmodSync(folder.path, 0o000);
  try {
    expect(meta(open())).toMatchObject({sync: 'unreadable', problem: 'EACCES'});
  } finally {
    chmodSync(folder.path, 0o700);
  }
});

test('a process that stopped while it held the door does not stop a reader', async () => {
  const hold = `import {locked} from '${join(import.meta.dirname, 'file-lock.ts')}';
locked('${file()}-open', () => { console.log('held'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); });`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', hold];
  const holder = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit']});
  await once(holder.stdout, 'data');
  const startedAt = performance.now();
  expect(meta(open())).toMatchObject({sync: 'unreadable', problem: 'EBUSY'});
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  holder.kill('SIGKILL');
  await until(() => tree(reader!).data.children.length === 50, {timeoutMs: 5_000});
});

test('readers that were killed while no engine runs leave their slots to who opens next', async () => {
  const read = `import {openTreeReader} from '${join(import.meta.dirname, 'tree-store.ts')}';
openTreeReader('${folder.path}').read(txn => txn.seq());
console.log('read'); setInterval(() => {}, 1000);`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', read];
  // One that lives on: without any, LMDB begins a new lock file.
  const survivor = openDatabases(file(), {readOnly: true})!;
  const slots = () => (survivor.root.readerList().match(/^ *\d+ /gm) ?? []).map(Number);
  const readers = Array.from({length: 8}, () => spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit']}));
  await Promise.all(readers.map(({stdout}) => once(stdout, 'data')));
  const ended = readers.map(each => once(each, 'exit'));
  for (const each of readers) each.kill('SIGKILL');
  await Promise.all(ended);
  const killed = readers.map(({pid}) => pid!);
  expect(slots()).toEqual(expect.arrayContaining(killed));
  expect(tree(open()).data.children).toHaveLength(50);
  expect(slots().filter(pid => killed.includes(pid))).toEqual([]);
  await closeDatabases(file(), survivor);
});
