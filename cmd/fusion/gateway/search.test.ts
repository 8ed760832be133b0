import {afterEach, beforeEach, expect, test} from 'vitest';
import {type ByteString, fromText} from '../../../core/entry/byte-string.ts';
import {type Kind, kinds, newEntryFrom} from '../../../core/entry/entry.ts';
import {treeFormatNames} from '../../../core/query/tree-format.ts';
import {rootDirectory, type TreeStore} from '../../../core/tree/tree-store.ts';
import {openTreeStore} from '../../../store/tree-store.ts';
import {askApp, gatewayApp, readerHeaders} from '../../../test/lib/gateway-app.ts';
import {readAnswer} from '../../../test/lib/read-formats.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import type {GatewayApp} from './app.ts';

let folder: ReturnType<typeof temporaryFolder>;
let store: TreeStore;
let app: GatewayApp;
const ask = (query: string) => askApp(app, `/api/v1/fs/search?${query}`);
const pathsOf = async (query: string) => {
  const {status, body} = await ask(query);
  expect(status).toBe(200);
  return body.data.map(({path}: {path: string}) => path) as string[];
};

const put = (directory: number, name: string | Buffer, kind: Kind = kinds.file, size = 3) =>
  store.write(txn => {
    const time = {seconds: 1_700_000_000 + size, nanos: 500_000_000};
    const bytes = typeof name === 'string' ? fromText(name) : (name.toString('latin1') as ByteString);
    return txn.put(directory, newEntryFrom(bytes, {kind, size, mtime: time, ctime: time})).directory;
  });
let data: number;
let deep: number;

beforeEach(async () => {
  folder = temporaryFolder();
  store = await openTreeStore(folder.path);
  app = gatewayApp(store);
  data = await put(rootDirectory, 'data', kinds.directory);
  deep = await put(data, 'Deep', kinds.directory);
  await put(deep, 'report-1.csv', kinds.file, 10);
  await put(deep, 'report-2.csv', kinds.file, 20_000);
  await put(deep, 'Bericht-Ü.csv');
  await put(data, 'report.txt', kinds.symlink);
  await put(data, Buffer.from([0x72, 0x65, 0xff]));
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

test('a part of the name, the whole name, a part of the path, the whole path', async () => {
  const [csv1, csv2] = ['/data/Deep/report-1.csv', '/data/Deep/report-2.csv'];
  expect(await pathsOf('pattern=report')).toEqual(['/data/report.txt', csv1, csv2]);
  expect(await pathsOf('pattern=report-?.csv')).toEqual([csv1, csv2]);
  expect(await pathsOf('pattern=*-Ü.*')).toEqual(['/data/Deep/Bericht-Ü.csv']);
  expect(await pathsOf('pattern=Deep/report-1')).toEqual([csv1]);
  expect(await pathsOf('pattern=Deep/*2*')).toEqual([csv2]);
  expect(await pathsOf('pattern=/data/*')).toEqual(['/data/Deep', '/data/report.txt', '/data/re\ufffd']);
  expect(await pathsOf('pattern=/**/*1.csv')).toEqual([csv1]);
  expect(await pathsOf('pattern=re%ff')).toEqual(['/data/re\ufffd']);
  expect(await pathsOf('pattern=nothing')).toEqual([]);
});

test('letters of any case, if that is asked for', async () => {
  expect(await pathsOf('pattern=DEEP')).toEqual([]);
  expect(await pathsOf('pattern=DEEP&ignore_case=true')).toEqual(['/data/Deep']);
  expect(await pathsOf('pattern=*-ü.CSV&ignore_case=true')).toEqual(['/data/Deep/Bericht-Ü.csv']);
  expect(await pathsOf('pattern=deep/REP&ignore_case=true')).toHaveLength(2);
});

test('by kind, size and time, below a path', async () => {
  expect(await pathsOf('kind=directory,symlink')).toEqual(['/data', '/data/Deep', '/data/report.txt']);
  expect(await pathsOf('kind=file&size_min=10&size_max=10')).toEqual(['/data/Deep/report-1.csv']);
  expect(await pathsOf('modified_after=1700000010.5')).toEqual(['/data/Deep/report-2.csv']);
  expect(await pathsOf('modified_before=1700000003.500000001&path=/data/Deep')).toEqual(['/data/Deep/Bericht-Ü.csv']);
  expect(await pathsOf('modified_after=2023-11-14T22:13:30.5Z')).toEqual(['/data/Deep/report-2.csv']);
  expect(await pathsOf('path=/data/Deep&pattern=*.csv')).toHaveLength(3);
  expect(await pathsOf('path=/data/Deep/report-1.csv')).toEqual([]);
});

test('what came, went and moved a moment ago is found where it is; what a removed directory held is not', async () => {
  await put(deep, 'fresh');
  expect(await pathsOf('pattern=fresh')).toEqual(['/data/Deep/fresh']);
  const place = (directory: number, name: string) => ({directory, name: fromText(name)});
  await store.write(txn => void txn.move(place(data, 'Deep'), place(rootDirectory, 'moved'), {}));
  expect(await pathsOf('pattern=fresh')).toEqual(['/moved/fresh']);
  await store.write(txn => void txn.remove(rootDirectory, fromText('moved')));
  expect(await pathsOf('pattern=fresh')).toEqual([]);
  expect(await pathsOf('pattern=.csv')).toEqual([]);
});

test.each(['', 'path=/many', 'pattern=f-*', 'pattern=f-1', 'path=/many&pattern=f-1&kind=file'])(
  'pages of %s hold every entry exactly once, while others come and go',
  async query => {
    const many = await put(rootDirectory, 'many', kinds.directory);
    await store.write(txn => {
      const time = {seconds: 1, nanos: 0};
      for (let i = 0; i < 1_900; i++) {
        const name = fromText(`f-${1_000 + i}`);
        txn.put(many, newEntryFrom(name, {kind: kinds.file, size: i, mtime: time, ctime: time}));
      }
    });
    const wanted = await pathsOf(`${query}&limit=10000`);
    expect(wanted.length).toBeGreaterThan(900);
    const found: string[] = [];
    let cursor: string | null = null;
    do {
      const {body} = await ask(`${query}&limit=700${cursor === null ? '' : `&cursor=${cursor}`}`);
      expect(body.data.length).toBeLessThanOrEqual(700);
      found.push(...body.data.map(({path}: {path: string}) => path));
      cursor = body.meta.next_cursor;
      await store.write(txn => {
        txn.remove(many, fromText(`x-${found.length}`));
        txn.put(
          many,
          newEntryFrom(fromText(`e-${found.length}`), {
            kind: kinds.other,
            size: 0,
            mtime: {seconds: 0, nanos: 0},
            ctime: {seconds: 0, nanos: 0},
          }),
        );
      });
    } while (cursor !== null);
    const old = found.filter(path => !path.startsWith('/many/e-'));
    expect(old).toEqual(wanted);
  },
);

test('lines, and a path that is not known', async () => {
  const {text} = await ask('pattern=Deep&format=ndjson');
  const [row, last] = text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  expect(row).toMatchObject({path: '/data/Deep', content_type: 'directory', modified_time: 1_700_000_003.5});
  expect(last.meta).toMatchObject({view: 'research', next_cursor: null});
  expect((await ask('path=/nowhere')).status).toBe(404);
});

test.each(treeFormatNames)('as %s it has the same entries', async format => {
  const query = 'pattern=*&kind=file,symlink&limit=3';
  const wanted = readAnswer('ndjson', Buffer.from((await ask(`${query}&format=ndjson&fields=path,size`)).text));
  const isPaths = format.startsWith('paths');
  const url = `/api/v1/fs/search?${query}&format=${format}${isPaths ? '' : '&fields=path,size'}`;
  const response = await app.request(url, {headers: readerHeaders});
  const {entries, meta} = readAnswer(format, Buffer.from(await response.arrayBuffer()));
  expect(entries.map(({fields}) => fields.path)).toEqual(wanted.entries.map(({path}) => path));
  if (!isPaths) expect(entries).toEqual(wanted.entries);
  const cursor = meta ? meta.next_cursor : response.headers.get('fustor-next-cursor');
  expect(cursor).toBe(wanted.meta!.next_cursor);
});

test.each(['kind=folder', 'modified_after=yesterday', 'size_min=1k', 'cursor=!', 'path=/data&cursor=L2E', 'limit=0'])(
  '%s is refused',
  async query => {
    expect((await ask(query)).status).toBe(400);
  },
);

test('a cursor of a directory that cannot be is refused, one of a directory that is not there finds nothing', async () => {
  const storeId = store.read(txn => txn.storeId());
  const cursorOf = (directory: number) => Buffer.from(`${directory}/x`).toString('base64url');
  for (const pattern of ['', '&pattern=report']) {
    expect((await ask(`cursor=${storeId}.${cursorOf(2 ** 48)}${pattern}`)).status).toBe(400);
    const {status, body} = await ask(`cursor=${storeId}.${cursorOf(2 ** 48 - 1)}${pattern}`);
    expect({status, data: body.data}).toEqual({status: 200, data: []});
  }
  const list = (directory: number) => askApp(app, `/api/v1/fs/blind-spots?cursor=${storeId}.${cursorOf(directory)}`);
  expect([(await list(2 ** 48)).status, (await list(2 ** 48 - 1)).status]).toEqual([400, 200]);
});
