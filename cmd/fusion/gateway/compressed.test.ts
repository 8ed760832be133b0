import {gunzipSync, zstdDecompressSync} from 'node:zlib';
import {beforeEach, expect, test} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import {kinds, newEntryFrom} from '../../../core/entry/entry.ts';
import {rootDirectory} from '../../../core/tree/tree-store.ts';
import {gatewayApp, readerHeaders} from '../../../test/lib/gateway-app.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';
import type {GatewayApp} from './app.ts';

let app: GatewayApp;
beforeEach(async () => {
  const store = openMemoryTree();
  app = gatewayApp(store);
  const time = {seconds: 1_700_000_000, nanos: 0};
  await store.write(txn => {
    const attributes = {size: 1, mtime: time, ctime: time};
    for (let d = 0; d < 4; d++) {
      const {directory} = txn.put(
        rootDirectory,
        newEntryFrom(fromText(`d${d}`), {...attributes, kind: kinds.directory}),
      );
      for (let f = 0; f < 300; f++)
        txn.put(directory, newEntryFrom(fromText(`file-${f}`), {...attributes, kind: kinds.file}));
    }
  });
});

async function ask(path: string, accepted: string | undefined, method = 'GET') {
  const headers = {...readerHeaders, ...(accepted !== undefined && {'accept-encoding': accepted})};
  const response = await app.request(`/api/v1/fs/${path}`, {method, headers});
  const coding = response.headers.get('content-encoding');
  const bytes = Buffer.from(await response.arrayBuffer());
  return {response, coding, bytes, body: decoded(coding, bytes).toString()};
}

function decoded(coding: string | null, bytes: Buffer): Buffer {
  if (coding === null || bytes.length === 0) return bytes;
  return coding === 'gzip' ? gunzipSync(bytes) : zstdDecompressSync(bytes);
}

test.each([
  [undefined, null],
  ['', null],
  ['gzip', 'gzip'],
  ['GZip', 'gzip'],
  ['gzip, deflate, br', 'gzip'],
  ['gzip, deflate, br, zstd', 'zstd'],
  ['zstd;q=0.5, gzip;q=0.8', 'gzip'],
  ['zstd;q=0, gzip', 'gzip'],
  ['*', 'zstd'],
  ['*;q=0.5, zstd;q=0', 'gzip'],
  ['*;q=0', null],
  ['gzip;q=0', null],
  ['br', null],
  ['identity', null],
  ['identity;q=1, gzip;q=0.5', null],
  ['identity;q=0.5, gzip;q=0.5', 'gzip'],
  ['identity;q=0', null],
  ['identity;q=0, br', null],
  ['gzip;q=0, *;q=0, identity;q=0', null],
  ['gzip;q=nonsense', 'gzip'],
  [',;=,', null],
])('Accept-Encoding %j is answered with %j', async (accepted, wanted) => {
  const {response, coding} = await ask('tree?path=/d0', accepted);
  expect(response.status).toBe(200);
  expect(coding).toBe(wanted);
  expect(response.headers.get('vary')).toContain('accept-encoding');
});

test.each([
  'tree?path=/d1',
  'tree?recursive=true',
  'search?pattern=file',
  'changes',
  'stats?children=true&path=/d1',
  'suspects',
])('%s says the same, compressed or not', async path => {
  const plain = await ask(path, undefined);
  for (const accepted of ['gzip', 'zstd']) {
    const {coding, bytes, body, response} = await ask(path, accepted);
    expect(JSON.parse(body)).toEqual(JSON.parse(plain.body));
    expect(response.headers.get('etag')).toBe(plain.response.headers.get('etag'));
    if (plain.bytes.length < 1024) expect(coding).toBeNull();
    else {
      expect(coding).toBe(accepted);
      expect(bytes.length).toBeLessThan(plain.bytes.length / 3);
    }
  }
});

test('what fits into a packet is sent as it is', async () => {
  const {coding, response, bytes} = await ask('stat?path=/d1', 'gzip, zstd');
  expect(coding).toBeNull();
  expect(response.headers.get('vary')).toContain('accept-encoding');
  expect(bytes.length).toBeLessThan(1024);
});

test.each(['tree?path=/d0', 'tree?recursive=true', 'stat?path=/d0'])(
  'HEAD of %s has the headers of GET',
  async path => {
    for (const accepted of [undefined, 'gzip', 'zstd']) {
      const [get, head] = [await ask(path, accepted), await ask(path, accepted, 'HEAD')];
      expect(head.bytes.length).toBe(0);
      for (const name of ['content-type', 'content-encoding', 'etag', 'vary', 'cache-control'])
        expect([name, head.response.headers.get(name)]).toEqual([name, get.response.headers.get(name)]);
    }
  },
);
