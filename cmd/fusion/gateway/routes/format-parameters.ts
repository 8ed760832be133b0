import {z} from '@hono/zod-openapi';
import {FustorError} from '../../../../core/errors/fustor-error.ts';
import type {Meta} from '../../../../core/query/meta.ts';
import {isNodeField, type NodeField, nodeFields, orderedFields} from '../../../../core/query/node-field.ts';
import {type TreeFormat, treeFormatNames, treeFormats} from '../../../../core/query/tree-format.ts';
import {booleanParameter} from '../../../http/parameters.ts';
import type {Chunks} from '../send-chunks.ts';
import {metaHeaders, metaTrailers, trailerNames} from './meta-headers.ts';

/** How an answer that is made of entries is written, and what it tells of each. */
export const formatParameters = {
  format: z
    .enum(treeFormatNames, {error: `one of ${treeFormatNames.join(', ')}`})
    .optional()
    .describe(
      'json (default). ndjson: an entry a line with its path, and a last line {"meta": …}. paths: a path a line, as it is; one with ' +
        'a newline in it has a backslash before it, \\n for a newline and \\\\ for a backslash. paths0: each path ended by a NUL. ' +
        'cbor: the document that json has. With paths and paths0 the meta is in headers, and in trailers what is only known at the end.',
    ),
  fields: z
    .string()
    .refine(text => text.split(',').every(isNodeField), `some of ${nodeFields.join(', ')}, with commas`)
    .transform(text => text.split(',') as NodeField[])
    .optional()
    .describe(`What is told of each entry, with commas: ${nodeFields.join(', ')}.`),
  only_path: booleanParameter.optional().describe('Names (in lines: paths) alone, without attributes.'),
};

type Asked = {format?: TreeFormat | undefined; fields?: NodeField[] | undefined; only_path?: boolean | undefined};

/** Throws BAD_REQUEST for what contradicts itself. */
export function requestedFormat({format = 'json', fields, only_path: isOnlyPath = false}: Asked): {
  format: TreeFormat;
  fields: readonly NodeField[] | undefined;
} {
  const isPaths = format === 'paths' || format === 'paths0';
  if (fields && (isPaths || isOnlyPath)) {
    const other = isPaths ? `format=${format}` : 'only_path';
    throw new FustorError('BAD_REQUEST', `Both "fields" and "${other}" are given, which tells paths alone.`, {
      hint: 'Give one of them; "format=ndjson" has paths and fields.',
    });
  }
  if (isOnlyPath) return {format, fields: [format === 'ndjson' ? 'path' : 'name']};
  return {format, fields: fields && orderedFields(fields)};
}

/** What goes with the bytes. `meta` is the answer's, as far as it is known when it is asked for, of a format that has none in them. */
export function formatOf(
  format: TreeFormat,
  meta: () => Meta | undefined,
): Pick<Chunks, 'contentType' | 'headers' | 'trailers'> {
  const {contentType, hasMeta} = treeFormats[format];
  if (hasMeta) return {contentType};
  return {
    contentType,
    headers: metaHeaders(meta()),
    trailers: {names: trailerNames, values: () => metaTrailers(meta())},
  };
}
