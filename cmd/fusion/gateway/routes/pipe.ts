import {FustorError} from '../../../../core/errors/fustor-error.ts';
import {batchNumberHeader, sentAtHeader} from '../../../../core/protocol/batch.ts';
import {toldUntilHeader} from '../../../../core/protocol/session.ts';
import {readParameters} from '../../../http/parameters.ts';
import {type GatewayApp, type GatewayContext, type GatewayParts, queryOf, retryHeaders} from '../app.ts';
import {askEngine} from '../ask-engine.ts';
import type {View} from '../views.ts';
import {errorAnswers} from './schemas.ts';

const bodyBytesMax = 80 * 2 ** 20;
const engineTimeoutMs = 60_000;
const passedOn = [sentAtHeader, batchNumberHeader, toldUntilHeader, 'content-type'];

/** `/pipe/sessions/…`: what agents say, authenticated here and handed on, undecoded, to the view's engine. */
export function pipeRoutes(app: GatewayApp, {views, leaving, bodies}: GatewayParts): void {
  app.post('/api/v1/pipe/sessions', context =>
    bodies.with(context, bodyBytesMax, body =>
      handOn(context, views.find(context.get('key'), viewIn(body)), {path: '/sessions', body}),
    ),
  );
  const ofSession = (context: GatewayContext) => {
    readParameters(queryOf(context), []);
    const id = context.req.param('id')!;
    return {view: views.find(context.get('key'), viewOf(id)), path: `/sessions/${encodeURIComponent(id)}`};
  };
  app.post('/api/v1/pipe/sessions/:id/heartbeat', context => {
    const {view, path} = ofSession(context);
    return bodies.with(context, bodyBytesMax, body =>
      handOnHeld(context, view, {path: `${path}/heartbeat`, body}, leaving),
    );
  });
  app.post('/api/v1/pipe/sessions/:id/sync-points', context => {
    const {view, path} = ofSession(context);
    return bodies.with(context, bodyBytesMax, body =>
      handOnHeld(context, view, {path: `${path}/sync-points`, body}, leaving),
    );
  });
  app.post('/api/v1/pipe/sessions/:id/events', context => {
    const {view, path} = ofSession(context);
    return bodies.with(context, bodyBytesMax, body => handOn(context, view, {path: `${path}/events`, body}));
  });
  app.delete('/api/v1/pipe/sessions/:id', context => {
    const {view, path} = ofSession(context);
    return handOn(context, view, {path, body: new Uint8Array()});
  });
  const documented = [
    {method: 'post', path: '/api/v1/pipe/sessions', summary: 'Opens the session of a pipe, or takes it up again.'},
    {
      method: 'post',
      path: '/api/v1/pipe/sessions/{id}/heartbeat',
      summary: 'Keeps a session alive; held until there is something to tell.',
    },
    {
      method: 'post',
      path: '/api/v1/pipe/sessions/{id}/sync-points',
      summary: 'What became of a sync point, and the question for the next; held until one is wanted.',
    },
    {method: 'post', path: '/api/v1/pipe/sessions/{id}/events', summary: 'A batch of events, as CBOR.'},
    {method: 'delete', path: '/api/v1/pipe/sessions/{id}', summary: 'Ends a session.'},
  ] as const;
  for (const route of documented) {
    app.openAPIRegistry.registerPath({...route, responses: {200: {description: 'Done.'}, ...errorAnswers}});
  }
}

/** A session's id begins with its view. */
function viewOf(id: string): string {
  return id.slice(0, Math.max(0, id.lastIndexOf('.')));
}

function viewIn(body: Uint8Array): string {
  try {
    const {view} = JSON.parse(Buffer.from(body).toString()) as {view?: unknown};
    if (typeof view === 'string') return view;
  } catch {
    // told below
  }
  throw new FustorError('BAD_REQUEST', 'The body is not JSON with a "view".');
}

/**
 * A heartbeat may be held by the engine. A gateway that leaves asks for the answer at once, so that the pipe's next question
 * goes to another one; a pipe that hung up ends the question.
 */
async function handOnHeld(context: GatewayContext, view: View, request: HandedOn, leaving: AbortSignal) {
  const gone = context.req.raw.signal;
  try {
    return await handOn(context, view, {...request, signal: AbortSignal.any([gone, leaving])});
  } catch (error) {
    if (!leaving.aborted || gone.aborted) throw error;
    return handOn(context, view, {...request, body: withoutWait(request.body)});
  }
}

function withoutWait(body: Uint8Array): Uint8Array {
  try {
    return Buffer.from(JSON.stringify({...JSON.parse(Buffer.from(body).toString()), wait_ms: 0}));
  } catch {
    return body; // the engine says what is wrong with it
  }
}

type HandedOn = {path: string; body: Uint8Array; signal?: AbortSignal};

async function handOn(context: GatewayContext, view: View, request: HandedOn): Promise<Response> {
  const headers: Record<string, string> = {};
  for (const header of passedOn) {
    const value = context.req.header(header);
    if (value !== undefined) headers[header] = value;
  }
  const {method} = context.req;
  const key = context.get('key').name;
  const answer = await askEngine(view, {...request, method, key, headers, timeoutMs: engineTimeoutMs});
  return new Response(new Uint8Array(answer.body), {
    status: answer.status,
    headers: {'content-type': 'application/json', ...retryHeaders(errorCodeIn(answer))},
  });
}

/** Of what an engine answers in place of `data`. */
function errorCodeIn({status, body}: {status: number; body: Buffer}): string | undefined {
  if (status < 400) return undefined;
  return (JSON.parse(body.toString()) as {error?: {code?: string}}).error?.code;
}
