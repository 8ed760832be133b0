import {once} from 'node:events';
import {createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync} from 'node:zlib';
import fc from 'fast-check';
import {expect, test} from 'vitest';
import {newEncoder} from './chunk-encoder.ts';

const decoders = {
  gzip: {whole: gunzipSync, stream: createGunzip},
  zstd: {whole: zstdDecompressSync, stream: createZstdDecompress},
} as const;
const codings = ['gzip', 'zstd'] as const;

test.each(codings)('%s: chunks of any bytes are one content', async coding => {
  const anyChunks = fc.array(fc.array(fc.uint8Array({maxLength: 300}), {minLength: 1, maxLength: 3}), {
    minLength: 1,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(anyChunks, async chunks => {
      const encoder = newEncoder(coding);
      const coded: Uint8Array[] = [];
      for (const chunk of chunks) coded.push(...(await encoder.encode(chunk)));
      coded.push(...encoder.end());
      expect(decoders[coding].whole(Buffer.concat(coded))).toEqual(Buffer.concat(chunks.flat()));
    }),
    {numRuns: 50},
  );
});

test.each(codings)('%s: a chunk can be read before the next is made', async coding => {
  const encoder = newEncoder(coding);
  const decoder = decoders[coding].stream();
  for (const text of ['the first', 'the second', 'the third']) {
    for (const piece of await encoder.encode([Buffer.from(text)])) decoder.write(piece);
    const [read] = await once(decoder, 'data');
    expect(String(read)).toBe(text);
  }
  for (const piece of encoder.end()) decoder.write(piece);
  decoder.resume().end();
  await once(decoder, 'end');
});
