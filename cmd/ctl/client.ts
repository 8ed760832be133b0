import {STATUS_CODES} from 'node:http';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {AnswerError} from './answer-error.ts';
import type {ErrorAnswer, Meta, TreeAnswer} from './api.ts';
import {isObject, type Json, type JsonObject, parseJson} from './exact-json.ts';
import {followEvents, NoStream} from './follow-events.ts';
import {type AskOptions, ask, type HttpAnswer} from './http-ask.ts';

export type Connection = {
  /** Without a slash at its end. */
  endpoint: string;
  key: string | undefined;
  /** How long the server may be silent, before and while it answers. */
  timeoutMs: number;
  /** Certificates (PEM) of authorities to trust besides the usual. */
  ca?: string;
};

export type Parameters = Record<string, string | number | boolean | undefined>;

/** Every good answer has `data`, most have `meta`. */
export type Answer = JsonObject & {data: Json};

export type RowPage = {rows: JsonObject[]; meta: Meta};

/** Asks one fusion or controller. */
export class Client {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The same, with a server that may be silent for no longer than that. */
  within(timeoutMs: number): Client {
    return new Client({...this.#connection, timeoutMs: Math.min(timeoutMs, this.#connection.timeoutMs)});
  }

  /** The JSON of an answer 200. Throws what the server says is wrong, UNREACHABLE or TIMED_OUT. */
  async get(path: string, parameters: Parameters = {}): Promise<Answer> {
    return this.#ask(withQuery(path, parameters));
  }

  /** The data of events as they come, over as many connections as it takes. Throws as `get` does. */
  async *events(path: string, parameters: Parameters): AsyncGenerator<JsonObject> {
    const {endpoint, timeoutMs, ca} = this.#connection;
    try {
      const url = `${endpoint}/api/v1/${withQuery(path, parameters)}`;
      const how = {headers: this.#headers('text/event-stream'), timeoutMs, ...(ca !== undefined && {ca})};
      for await (const {event, data} of followEvents(url, how)) {
        const body = parsed(data);
        if (event === 'gone' && isErrorAnswer(body)) throw new AnswerError(410, body);
        if (isObject(body)) yield body;
      }
    } catch (error) {
      if (error instanceof NoStream) this.#read(error.answer);
      throw error instanceof NoStream ? this.#notFustor('an answer without events') : error;
    }
  }

  /** Sends JSON, again when the connection breaks: a scan that is asked for twice is one job. Throws as `get` does. */
  async post(path: string, body: object): Promise<Answer> {
    return this.#ask(path, {body});
  }

  /** Sends what must not be done twice: a broken connection leaves open whether it was done. */
  async postOnce(path: string, body: object): Promise<Answer> {
    return this.#ask(path, {body, isRepeatable: false});
  }

  async delete(path: string): Promise<Answer> {
    return this.#ask(path, {method: 'DELETE', isRepeatable: false});
  }

  /** An answer 200 that is a file. Throws as `get` does. */
  async bytes(path: string): Promise<Uint8Array> {
    const answer = await this.#askBytes(path);
    if (answer.status !== 200) this.#read(answer);
    return answer.bytes;
  }

  /**
   * The pages of a tree, one after the other, so that only one is in memory. With a limit only one page of that many
   * entries; then the caller goes on from `meta.next_cursor` itself.
   */
  async *pages(path: string, parameters: Parameters, limit?: number): AsyncGenerator<TreeAnswer> {
    for await (const {data, meta} of this.#pages(path, parameters, limit)) {
      if (!isObject(data)) throw this.#notFustor('an answer without a tree');
      yield {data, meta} as TreeAnswer;
    }
  }

  /** The pages of a list, likewise. */
  async *rowPages(path: string, parameters: Parameters, limit?: number): AsyncGenerator<RowPage> {
    for await (const {data, meta} of this.#pages(path, parameters, limit)) {
      if (!Array.isArray(data) || !data.every(isObject)) throw this.#notFustor('an answer without a list');
      yield {rows: data, meta};
    }
  }

  async *#pages(path: string, parameters: Parameters, limit?: number): AsyncGenerator<{data: Json; meta: Meta}> {
    let cursor = parameters.cursor;
    do {
      const {data, meta} = await this.get(path, {...parameters, limit: limit ?? pageEntries, cursor});
      const known: Meta = isObject(meta) ? meta : {};
      yield {data, meta: known};
      cursor = known.next_cursor ?? undefined;
    } while (cursor !== undefined && limit === undefined);
  }

  async #ask(rest: string, form: Pick<AskOptions, 'method' | 'body' | 'isRepeatable'> = {}): Promise<Answer> {
    return this.#read(await this.#askBytes(rest, form));
  }

  #askBytes(rest: string, form: Pick<AskOptions, 'method' | 'body' | 'isRepeatable'> = {}): Promise<HttpAnswer> {
    const {endpoint, timeoutMs, ca} = this.#connection;
    const headers = this.#headers('application/json');
    return ask(`${endpoint}/api/v1/${rest}`, {headers, timeoutMs, ...(ca !== undefined && {ca}), ...form});
  }

  #headers(accept: string): Record<string, string> {
    const {key} = this.#connection;
    return {accept, ...(key === undefined ? {} : {authorization: `Bearer ${key}`})};
  }

  #read({status, location, bytes}: HttpAnswer): Answer {
    const body = parsed(bytes.toString());
    if (status === 204) return {data: null};
    if (status >= 200 && status < 300 && isObject(body) && body.data !== undefined) return body as Answer;
    if (isErrorAnswer(body)) throw new AnswerError(status, body);
    if (location !== undefined) throw this.#notFustor(`a redirection to ${location}`);
    throw this.#notFustor(`${status} ${STATUS_CODES[status] ?? ''} without an explanation`);
  }

  #notFustor(answer: string): FustorError {
    return new FustorError('UNREACHABLE', `Asked ${this.#connection.endpoint} and got ${answer}.`, {
      hint: 'Check that the endpoint is the address of a fusion or controller, and any proxy before it.',
    });
  }
}

/** Some megabytes at most, and few enough requests: a million entries in a hundred. */
const pageEntries = 10_000;

function withQuery(path: string, parameters: Parameters): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return `${path}${query.size === 0 ? '' : `?${query}`}`;
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function isErrorAnswer(body: unknown): body is ErrorAnswer {
  return (
    isObject(body) &&
    isObject(body.error) &&
    typeof body.error.code === 'string' &&
    typeof body.error.message === 'string'
  );
}
