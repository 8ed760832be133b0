import {STATUS_CODES} from 'node:http';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {AnswerError} from './answer-error.ts';
import type {ErrorAnswer, TreeAnswer} from './api.ts';
import {isObject, type Json, type JsonObject, parseJson} from './exact-json.ts';
import {get, type HttpAnswer} from './http-get.ts';

export type Connection = {
  /** Without a slash at its end. */
  endpoint: string;
  key: string | undefined;
  /** How long the server may be silent, before and while it answers. */
  timeoutMs: number;
};

export type Parameters = Record<string, string | number | boolean | undefined>;

/** Every answer 200 has `data`, most have `meta`. */
export type Answer = JsonObject & {data: Json};

/** Asks one fusion. Only reads, so a question may be asked again when the connection broke. */
export class Client {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The JSON of an answer 200. Throws what the server says is wrong, UNREACHABLE or TIMED_OUT. */
  async get(path: string, parameters: Parameters = {}): Promise<Answer> {
    const {endpoint, key, timeoutMs} = this.#connection;
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
    const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    const url = `${endpoint}/api/v1/${path}${query.size === 0 ? '' : `?${query}`}`;
    const headers = {accept: 'application/json', ...(key === undefined ? {} : {authorization: `Bearer ${key}`})};
    return this.#read(await get(url, {headers, timeoutMs}));
  }

  /**
   * The pages of a tree, one after the other, so that only one is in memory. With a limit only one page of that many
   * entries; then the caller goes on from `meta.next_cursor` itself.
   */
  async *pages(path: string, parameters: Parameters, limit?: number): AsyncGenerator<TreeAnswer> {
    let cursor = parameters.cursor;
    do {
      const body = await this.get(path, {...parameters, limit: limit ?? pageEntries, cursor});
      if (!isObject(body.data)) throw this.#notFustor('an answer without a tree');
      const answer = {data: body.data, meta: isObject(body.meta) ? body.meta : {}} as TreeAnswer;
      yield answer;
      cursor = answer.meta.next_cursor ?? undefined;
    } while (cursor !== undefined && limit === undefined);
  }

  #read({status, location, text}: HttpAnswer): Answer {
    const body = parsed(text);
    if (status === 200 && isObject(body) && body.data !== undefined) return body as Answer;
    if (isErrorAnswer(body)) throw new AnswerError(status, body);
    if (location !== undefined) throw this.#notFustor(`a redirection to ${location}`);
    throw this.#notFustor(`${status} ${STATUS_CODES[status] ?? ''} without an explanation`);
  }

  #notFustor(answer: string): FustorError {
    return new FustorError('UNREACHABLE', `Asked ${this.#connection.endpoint} and got ${answer}.`, {
      hint: 'Check that the endpoint is the address of a fusion, and any proxy before it.',
    });
  }
}

/** Some megabytes at most, and few enough requests: a million entries in a hundred. */
const pageEntries = 10_000;

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
