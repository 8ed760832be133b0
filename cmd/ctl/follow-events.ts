import {request as httpRequest, type IncomingMessage} from 'node:http';
import {request as httpsRequest} from 'node:https';
import {setTimeout as sleep} from 'node:timers/promises';
import {systemErrorCode} from '../../core/errors/fustor-error.ts';
import {type AskOptions, asFustorError, formOf, type HttpAnswer} from './http-ask.ts';

export type ServerEvent = {event: string; data: string};

type Options = Pick<AskOptions, 'headers' | 'ca'> & {timeoutMs: number};

/** The server sends something at least every 15 s. */
const silenceMs = 40_000;
const pauseMs = 250;

/** What was answered in place of events. */
export class NoStream extends Error {
  readonly answer: HttpAnswer;
  constructor(answer: HttpAnswer) {
    super('This is no stream of events.');
    this.answer = answer;
  }
}

/**
 * Server-sent events. A stream that ends or breaks (the gateway was replaced or killed) is taken up behind the last event that
 * was heard; when that does not work for as long as `timeoutMs`, it throws UNREACHABLE. Throws NoStream.
 */
export async function* followEvents(url: string, {headers, timeoutMs, ca}: Options): AsyncGenerator<ServerEvent> {
  let lastId: string | undefined;
  let heardAt = performance.now();
  for (;;) {
    try {
      const resumed = lastId === undefined ? headers : {...headers, 'last-event-id': lastId};
      for await (const {id, event, data} of eventsOf(
        await open(url, {headers: resumed, ...(ca !== undefined && {ca})}),
      )) {
        heardAt = performance.now();
        if (data !== '') yield {event, data};
        lastId = id ?? lastId;
      }
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
      if (performance.now() - heardAt > timeoutMs) throw asFustorError(error, url);
    }
    await sleep(pauseMs);
  }
}

/** Rejects with NoStream for any other answer. */
async function open(url: string, how: Pick<AskOptions, 'headers' | 'ca'>): Promise<IncomingMessage> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request(url, {...formOf(how), timeout: silenceMs}, resolve);
    asked.on('timeout', () => asked.destroy(Object.assign(new Error('silence'), {code: 'ETIMEDOUT'})));
    asked.on('error', reject).end();
  });
  if (response.headers['content-type']?.startsWith('text/event-stream')) return response;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const {statusCode, headers: answered} = response;
  throw new NoStream({status: statusCode!, location: answered.location, bytes: Buffer.concat(chunks)});
}

async function* eventsOf(response: IncomingMessage): AsyncGenerator<ServerEvent & {id: string | undefined}> {
  let rest = '';
  response.setEncoding('utf8');
  for await (const text of response) {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop()!;
    for (const block of blocks) {
      const fields = block.split('\n').map(line => /^(id|event|data): ?(.*)$/.exec(line));
      const valuesOf = (name: string) => fields.flatMap(field => (field?.[1] === name ? [field[2]!] : []));
      yield {
        id: valuesOf('id').at(-1),
        event: valuesOf('event').at(-1) ?? 'message',
        data: valuesOf('data').join('\n'),
      };
    }
  }
}
