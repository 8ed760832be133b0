import {CborWriter} from './cbor-writer.ts';
import {JsonWriter} from './json-writer.ts';
import {NdjsonWriter} from './ndjson-writer.ts';
import type {NodeField} from './node-field.ts';
import {PathsWriter} from './paths-writer.ts';
import type {TreeWriter} from './tree-writer.ts';

/** `fields` undefined: what the format tells of itself. */
type MakeWriter = (fields: readonly NodeField[] | undefined) => TreeWriter;

/** `hasMeta`: whether `meta` is a part of the bytes. Else it goes beside them. */
export const treeFormats = {
  json: {contentType: 'application/json', hasMeta: true, make: fields => new JsonWriter(fields)},
  ndjson: {contentType: 'application/x-ndjson', hasMeta: true, make: fields => new NdjsonWriter(fields)},
  paths: {contentType: 'text/plain', hasMeta: false, make: () => new PathsWriter('line')},
  paths0: {contentType: 'application/octet-stream', hasMeta: false, make: () => new PathsWriter('nul')},
  cbor: {contentType: 'application/cbor', hasMeta: true, make: fields => new CborWriter(fields)},
} as const satisfies Record<string, {contentType: string; hasMeta: boolean; make: MakeWriter}>;
export type TreeFormat = keyof typeof treeFormats;
export const treeFormatNames = Object.keys(treeFormats) as [TreeFormat, ...TreeFormat[]];
