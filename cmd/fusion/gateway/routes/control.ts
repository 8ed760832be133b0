import {FustorError} from '../../../../core/errors/fustor-error.ts';
import {describeControl} from '../../../controller/routes/description.ts';
import {demandKey} from '../../../http/api.ts';
import {requestUnix, type UnixRequest} from '../../../unix-socket.ts';
import type {GatewayApp, GatewayContext, GatewayParts} from '../app.ts';

const bodyBytesMax = 8 * 2 ** 20;
const timeoutMs = {held: 60_000, other: 10_000};
const passedOn = ['authorization', 'x-api-key', 'content-type'];
const passedBack = ['content-type', 'retry-after', 'www-authenticate'];

/**
 * `/control/…` and `/agents/…`: handed on to the controller that this fusion embeds, which looks at the key itself. Without it
 * all else is as it was.
 */
export function controlRoutes(app: GatewayApp, {keys, bodies, leaving, controllerSocket: socket}: GatewayParts): void {
  // The controller says what a key may; one that nobody knows need not come so far.
  const known = demandKey(keys)(() => true, '');
  for (const path of ['control/*', 'agents', 'agents/*']) app.use(`/api/v1/${path}`, known);
  app.post('/api/v1/control/heartbeat', context =>
    bodies.with(context, bodyBytesMax, body => handOnHeld(context, {socket, body, leaving})),
  );
  app.get('/api/v1/agents', context => handOn(context, socket));
  app.get('/api/v1/agents/:id', context => handOn(context, socket));
  app.post('/api/v1/agents/:id/commands', context =>
    bodies.with(context, bodyBytesMax, body => handOn(context, socket, {body})),
  );
  app.get('/api/v1/agents/:id/commands/:command', context => handOn(context, socket));
  if (socket !== undefined) describeControl(app);
}

/**
 * A heartbeat may be held by the controller. A gateway that leaves asks for the answer at once, so that the shell's next one
 * goes to another gateway; a shell that hung up ends the question.
 */
async function handOnHeld(
  context: GatewayContext,
  {socket, body, leaving}: {socket: string | undefined; body: Uint8Array; leaving: AbortSignal},
): Promise<Response> {
  const gone = context.req.raw.signal;
  const held = {timeoutMs: timeoutMs.held};
  try {
    return await handOn(context, socket, {...held, body, signal: AbortSignal.any([gone, leaving])});
  } catch (error) {
    if (!leaving.aborted || gone.aborted) throw error;
    return handOn(context, socket, {...held, body: withoutWait(body)});
  }
}

function withoutWait(body: Uint8Array): Uint8Array {
  try {
    return Buffer.from(JSON.stringify({...JSON.parse(Buffer.from(body).toString()), wait_ms: 0}));
  } catch {
    return body; // the controller says what is wrong with it
  }
}

async function handOn(
  context: GatewayContext,
  socket: string | undefined,
  question: Partial<Pick<UnixRequest, 'body' | 'signal' | 'timeoutMs'>> = {},
): Promise<Response> {
  if (socket === undefined) {
    throw new FustorError('ROUTE_NOT_FOUND', 'This fusion embeds no controller.', {
      hint: 'Ask the controller itself, or start this fusion with --embed-controller.',
    });
  }
  const {pathname, search} = new URL(context.req.url);
  const headers = Object.fromEntries(
    passedOn.flatMap(name => {
      const value = context.req.header(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const {method} = context.req;
  const asked = {timeoutMs: timeoutMs.other, ...question, socket, method, path: pathname + search, headers};
  const answer = await requestUnix(asked).catch(cause => {
    throw new FustorError('CONTROLLER_UNAVAILABLE', 'The controller of this fusion does not answer now.', {
      cause,
      hint: 'Ask again in a moment; queries and data go on meanwhile.',
    });
  });
  const back = passedBack.flatMap(name => {
    const value = answer.headers[name];
    return typeof value === 'string' ? [[name, value] as [string, string]] : [];
  });
  return new Response(new Uint8Array(answer.body), {status: answer.status, headers: back});
}
