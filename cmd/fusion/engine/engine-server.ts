import {createServer, type IncomingMessage, type Server} from 'node:http';
import type {z} from 'zod';
import {fromBytes} from '../../../core/entry/byte-string.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {Log} from '../../../core/log/log.ts';
import {batchNumberHeader, sentAtHeader} from '../../../core/protocol/batch.ts';
import {
  heartbeatRequest,
  openSessionRequest,
  readToldUntil,
  type ToldUntil,
  toldUntilHeader,
} from '../../../core/protocol/session.ts';
import {syncPointRequest} from '../../../core/protocol/sync-point.ts';
import {jobAnswer} from '../../../core/query/job-answer.ts';
import {keyHeader, scanRequest, syncPointBody} from '../engine-protocol.ts';
import type {Engine} from './engine.ts';

type Answer = {status: number; body: unknown};
/** `signal` aborts when nobody waits for the answer any more, or the engine stops. */
type Handler = (request: IncomingMessage, id: string, body: Buffer, signal: AbortSignal) => Promise<Answer>;

const bodyBytesMax = 96 * 2 ** 20;
const openWhenRefused = ['/health', '/metrics'];

/** The engine's HTTP on its unix socket: what gateways hand on, and what the shell asks. */
export function createEngineServer(
  engine: Engine,
  {
    log,
    metrics,
    signal: stopping,
    refusal = () => undefined,
  }: {
    log: Log;
    metrics: () => Promise<unknown>;
    signal: AbortSignal;
    /** Why nothing can be asked of the engine yet. */
    refusal?: () => FustorError | undefined;
  },
): Server {
  /** For the shell: what was answered, and what waits for an answer beside its own question. */
  const work = {done: 0, pending: -1};
  const routes: {method: string; pattern: RegExp; handle: Handler}[] = [
    {
      method: 'POST',
      pattern: /^\/sessions$/,
      handle: async (request, _, body) => {
        const opened = await engine.open(parseJson(openSessionRequest, body), headerOf(request, keyHeader));
        return {status: opened.is_resumed ? 200 : 201, body: {data: opened}};
      },
    },
    {
      method: 'POST',
      pattern: /^\/sessions\/([^/]+)\/heartbeat$/,
      handle: async (request, id, body, signal) => {
        const asked = {...parseJson(heartbeatRequest, body), toldUntil: toldUntilOf(request)};
        return ok(await engine.heartbeat(id, asked, signal));
      },
    },
    {
      method: 'POST',
      pattern: /^\/sessions\/([^/]+)\/events$/,
      handle: async (request, session, bytes) => {
        const number = numberOf(request, batchNumberHeader);
        const sentAt = numberOf(request, sentAtHeader);
        return ok(await engine.receive({session, number, sentAt, toldUntil: toldUntilOf(request), bytes}));
      },
    },
    {
      method: 'POST',
      pattern: /^\/sessions\/([^/]+)\/sync-points$/,
      handle: async (_, id, body, signal) =>
        ok(await engine.askSyncPoint(id, parseJson(syncPointRequest, body), signal)),
    },
    {
      method: 'POST',
      pattern: /^\/sync-points$/,
      handle: async (_request, _id, body, signal) =>
        ok(await engine.reachSyncPoint(parseJson(syncPointBody, body).timeout_ms, signal)),
    },
    {
      method: 'DELETE',
      pattern: /^\/sessions\/([^/]+)$/,
      handle: async (_, id) => {
        await engine.end(id);
        return ok({});
      },
    },
    {
      method: 'POST',
      pattern: /^\/scans$/,
      handle: async (request, _, body) => {
        const {path, recursive} = parseJson(scanRequest, body);
        const asked = {path: fromBytes(Buffer.from(path, 'base64url')), isRecursive: recursive};
        const {job, isNew} = await engine.requestScan(asked, headerOf(request, keyHeader));
        return {status: isNew ? 202 : 200, body: {data: jobAnswer(job)}};
      },
    },
    {method: 'POST', pattern: /^\/hear-all$/, handle: async () => ok({now: engine.hearAll()})},
    {
      method: 'GET',
      pattern: /^\/health$/,
      handle: async () => ok({part: 'engine', pid: process.pid, work, memory: process.memoryUsage()}),
    },
    {method: 'GET', pattern: /^\/metrics$/, handle: async () => ({status: 200, body: await metrics()})},
  ];

  async function answer(request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
    const path = new URL(request.url!, 'http://engine').pathname;
    const refused = openWhenRefused.includes(path) ? undefined : refusal();
    if (refused) throw refused;
    for (const {method, pattern, handle} of routes) {
      const match = method === request.method ? pattern.exec(path) : null;
      if (match) return handle(request, decodeURIComponent(match[1] ?? ''), await readBody(request), signal);
    }
    throw new FustorError('ROUTE_NOT_FOUND', `The engine has no ${request.method} ${path}.`);
  }

  return createServer((request, response) => {
    const gone = new AbortController();
    work.pending++;
    response.once('close', () => {
      gone.abort();
      work.pending--;
      if (request.method !== 'GET') work.done++;
    });
    answer(request, AbortSignal.any([gone.signal, stopping]))
      .catch(error => failure(error, log))
      .then(({status, body}) => {
        const bytes = Buffer.from(JSON.stringify(body));
        response.writeHead(status, {'content-type': 'application/json', 'content-length': bytes.byteLength}).end(bytes);
      });
  });
}

function ok(data: unknown): Answer {
  return {status: 200, body: {data}};
}

function failure(error: unknown, log: Log): Answer {
  if (error instanceof FustorError) return {status: error.status, body: error.toBody()};
  log.error({error: error instanceof Error ? error.stack : String(error)}, 'internal error');
  return {status: 500, body: new FustorError('INTERNAL', 'The engine failed; its log has the details.').toBody()};
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > bodyBytesMax) throw new FustorError('BAD_REQUEST', `The body is larger than ${bodyBytesMax} bytes.`);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

function parseJson<T extends z.ZodType>(schema: T, body: Buffer): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    throw new FustorError('BAD_REQUEST', 'The body is not JSON.');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new FustorError(
    'BAD_REQUEST',
    `The body does not follow the protocol at ${issue.path.join('.')}: ${issue.message}.`,
  );
}

function toldUntilOf({headers}: IncomingMessage): ToldUntil | undefined {
  return readToldUntil(headers[toldUntilHeader]?.toString());
}

function headerOf(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  if (typeof value === 'string') return value;
  throw new FustorError('BAD_REQUEST', `The header ${name} is missing.`);
}

function numberOf(request: IncomingMessage, name: string): number {
  const value = Number(headerOf(request, name));
  if (Number.isFinite(value)) return value;
  throw new FustorError('BAD_REQUEST', `The header ${name} is not a number.`);
}
