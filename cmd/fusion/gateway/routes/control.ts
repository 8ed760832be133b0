import {FustorError} from '../../../../core/errors/fustor-error.ts';
import {describeControl} from '../../../controller/routes/description.ts';
import {requestUnix, type UnixRequest} from '../../../unix-socket.ts';
import type {GatewayApp, GatewayContext, GatewayParts} from '../app.ts';
import {Bodies} from '../bodies.ts';

const bodyBytesMax = 16 * 2 ** 20;
/** Of all at a time. Who sends them is known to the controller alone, so they must not take the room of what agents report. */
const roomBytesMax = 64 * 2 ** 20;
/** Some wait for news, or for Git. */
const timeoutMs = {held: 90_000, other: 10_000};
const heldPaths = ['/api/v1/control/heartbeat', '/api/v1/control/configs/pull', '/api/v1/git/sync'];
const passedOn = [
  'authorization',
  'x-api-key',
  'content-type',
  'x-hub-signature-256',
  'x-gitlab-token',
  'x-github-event',
];
const passedBack = [
  ...['content-type', 'content-disposition', 'cache-control', 'retry-after', 'www-authenticate'],
  ...['x-config-signature', 'x-config-revision'],
];

/** What below `/api/v1` is the controller's. */
const prefixes = [
  ...['control', 'agents', 'fusions', 'pipes', 'problems', 'backup', 'registry', 'manifests'],
  ...['revisions', 'desired', 'apply', 'rollback', 'release', 'git'],
  ...['keys', 'credentials', 'identities', 'enroll-tokens', 'audit'],
];

/**
 * The routes of the controller that this fusion embeds: handed on to it, and it looks at the key itself, because it knows
 * more of them. Without it all else is as it was.
 */
export function controlRoutes(app: GatewayApp, {leaving, controllerSocket: socket}: GatewayParts): void {
  const bodies = new Bodies(roomBytesMax);
  const handedOn = async (context: GatewayContext) => {
    if (socket === undefined) throw withoutController();
    const {method} = context.req;
    if (method === 'GET' || method === 'HEAD') return handOnHeld(context, {socket, leaving});
    return bodies.with(context, bodyBytesMax, body => handOnHeld(context, {socket, leaving, body}));
  };
  for (const prefix of prefixes) {
    app.all(`/api/v1/${prefix}`, handedOn);
    app.all(`/api/v1/${prefix}/*`, handedOn);
  }
  if (socket !== undefined) describeControl(app);
}

/**
 * The controller may hold a heartbeat or a pull. A gateway that leaves asks for the answer at once, so that the next one
 * goes to another gateway; a node that hung up ends the question.
 */
async function handOnHeld(
  context: GatewayContext,
  {socket, body, leaving}: {socket: string; body?: Uint8Array; leaving: AbortSignal},
): Promise<Response> {
  const {pathname, search} = new URL(context.req.url);
  const impatient = withoutWait(pathname, {search, body});
  if (!impatient) return handOn(context, {socket, body, path: pathname + search, signal: context.req.raw.signal});
  const gone = hangUpOf(context);
  try {
    return await handOn(context, {socket, body, path: pathname + search, signal: AbortSignal.any([gone, leaving])});
  } catch (error) {
    if (!leaving.aborted || gone.aborted) throw error;
    return handOn(context, {socket, ...impatient, signal: gone});
  }
}

/**
 * A node does not stop sending before it has its answer: the end of what it sends is the end of it, and the controller wants to
 * know. (For all others half a connection is enough to hear an answer.)
 */
function hangUpOf({req, env}: GatewayContext): AbortSignal {
  const socket = env?.incoming?.socket;
  if (!socket) return req.raw.signal;
  const hungUp = new AbortController();
  const onEnd = () => hungUp.abort();
  socket.once('end', onEnd);
  env.outgoing.once('close', () => socket.off('end', onEnd));
  return AbortSignal.any([req.raw.signal, hungUp.signal]);
}

/** The same question, to be answered at once; undefined for one that is not held. */
function withoutWait(
  path: string,
  {search, body}: {search: string; body: Uint8Array | undefined},
): {path: string; body: Uint8Array | undefined} | undefined {
  if (path === '/api/v1/control/configs/pull') {
    const query = new URLSearchParams(search);
    if (!query.has('wait')) return undefined;
    query.delete('wait');
    return {path: `${path}?${query}`, body};
  }
  if (path !== '/api/v1/control/heartbeat' || !body) return undefined;
  try {
    return {path, body: Buffer.from(JSON.stringify({...JSON.parse(Buffer.from(body).toString()), wait_ms: 0}))};
  } catch {
    return undefined; // the controller says what is wrong with it
  }
}

async function handOn(
  context: GatewayContext,
  {
    socket,
    ...question
  }: Pick<UnixRequest, 'path'> & {
    socket: string;
    body: Uint8Array | undefined;
    signal: AbortSignal;
  },
): Promise<Response> {
  const headers = Object.fromEntries(
    passedOn.flatMap(name => {
      const value = context.req.header(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const {method} = context.req;
  // Who asks, for the audit log: behind a gateway the controller sees nobody.
  const address = context.env?.incoming?.socket.remoteAddress;
  if (address !== undefined) headers['x-forwarded-for'] = address;
  const isHeld = heldPaths.some(path => question.path.startsWith(path));
  const asked = {...question, timeoutMs: isHeld ? timeoutMs.held : timeoutMs.other, socket, method, headers};
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
  const {status} = answer;
  // These must have none.
  const body = status === 204 || status === 304 ? null : new Uint8Array(answer.body);
  return new Response(body, {status, headers: back});
}

function withoutController(): FustorError {
  return new FustorError('ROUTE_NOT_FOUND', 'This fusion embeds no controller.', {
    hint: 'Ask the controller itself (fustorctl: --controller), or start this fusion with --embed-controller.',
  });
}
