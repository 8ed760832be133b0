import {type Agent, type IncomingMessage, request} from 'node:http';
import type {ProblemKind} from './messages.ts';

export type Answer = {status: number; text: string};
export type Asked =
  | {isAnswered: true; answer: Answer; port: number | undefined}
  | {isAnswered: false; kind: ProblemKind; detail: string; port: number | undefined};

export const timeoutMs = 10_000;

/**
 * One request. `agent` false: on a connection of its own. Never rejects; what happens to the connection is the result. The time
 * that an answer may take begins with its connection, not while it waits for a kept one to be free.
 */
export function ask(url: string, {agent, key}: {agent: Agent | false; key: string}): Promise<Asked> {
  return new Promise(resolve => {
    let port: number | undefined;
    let response: IncomingMessage | undefined;
    let timer: NodeJS.Timeout | undefined;
    const fail = (error: Error & {code?: string}) => {
      clearTimeout(timer);
      const part = response === undefined ? 'before the answer' : `in the body of a ${response.statusCode}`;
      resolve({isAnswered: false, kind: kindOf(error), detail: `${error.code ?? ''} ${error.message}, ${part}`, port});
    };
    const asked = request(url, {agent, headers: {authorization: `Bearer ${key}`}});
    const giveUp = () => asked.destroy(Object.assign(new Error(`no answer in ${timeoutMs} ms`), {code: 'TIMEOUT'}));
    asked.on('socket', socket => {
      timer = setTimeout(giveUp, timeoutMs);
      // A kept one is connected already.
      port = socket.localPort;
      if (!socket.connecting) return;
      socket.once('connect', () => {
        port = socket.localPort;
      });
    });
    asked.on('error', fail);
    asked.on('response', incoming => {
      response = incoming;
      const chunks: Buffer[] = [];
      incoming.on('error', fail);
      incoming.on('data', chunk => chunks.push(chunk));
      incoming.on('end', () => {
        clearTimeout(timer);
        const answer = {status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString()};
        resolve({isAnswered: true, answer, port});
      });
    });
    asked.end();
  });
}

function kindOf({code}: {code?: string}): ProblemKind {
  if (code === 'TIMEOUT') return 'timeout';
  return code === 'ECONNREFUSED' ? 'refused' : 'reset';
}
