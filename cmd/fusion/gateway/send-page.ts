import {type Tagged, textTag} from '../../../core/query/answer-tag.ts';
import type {Meta} from '../../../core/query/meta.ts';
import type {GatewayContext} from './app.ts';
import {isKept, notModified} from './not-modified.ts';
import {type SendParts, sendChunks} from './send-chunks.ts';

type Page = {
  rows: readonly string[];
  meta: Meta & Record<string, unknown>;
  /** `ndjson`: a row a line, and a last line with the meta. */
  format?: 'json' | 'ndjson' | undefined;
  etag?: string | undefined;
};

/** Sends a page of a list whose rows are JSON texts. */
export function sendPage(context: GatewayContext, {rows, meta, format, etag}: Page, parts: SendParts): Response {
  if (format !== 'ndjson') {
    const body = `{"data":[${rows.join(',')}],"meta":${JSON.stringify(meta)}}`;
    return sendWhole(context, {body, etag}, parts);
  }
  const body = `${[...rows, JSON.stringify({meta})].join('\n')}\n`;
  return sendWhole(context, {body, contentType: 'application/x-ndjson', etag}, parts);
}

/** An answer that is there as a whole. */
export function sendWhole(
  context: GatewayContext,
  {body, ...head}: {body: string; contentType?: string; etag?: string | undefined},
  parts: SendParts,
): Response {
  return sendChunks(context, {first: [Buffer.from(body)], next: () => undefined, isDone: true, ...head}, parts);
}

/** What is told of one place: `data` is JSON text. Has an `ETag`. */
export function sendTold(
  context: GatewayContext,
  {asked, data, meta}: Tagged & {data: string},
  parts: SendParts,
): Response {
  const etag = textTag({asked, meta}, data);
  if (isKept(context, etag)) return notModified(etag);
  return sendWhole(context, {body: `{"data":${data},"meta":${JSON.stringify(meta)}}`, etag}, parts);
}
