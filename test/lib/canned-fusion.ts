import type {AddressInfo} from 'node:net';
import {type ServerType, serve} from '@hono/node-server';
import {Hono} from 'hono';

export type Listening = {url: string; stop(): Promise<void>};

/** `asked` collects the path and query of every request, without `/api/v1`. */
export type CannedFusion = Listening & {asked: string[]};

/** A fusion as its API describes it, with answers that were written by hand, for tests of what asks it. */
export async function startCannedFusion(): Promise<CannedFusion> {
  const asked: string[] = [];
  const listening = await listen(cannedApp(asked).fetch);
  return {...listening, asked};
}

/** An HTTP server on a port of this host that is free. `stop` also ends requests that are not answered. */
export async function listen(fetch: (request: Request) => Response | Promise<Response>): Promise<Listening> {
  const server = await new Promise<ServerType>(resolve => {
    const made = serve({fetch, hostname: '127.0.0.1', port: 0}, () => resolve(made));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

const ofController = ['/api/v1/problems', '/api/v1/agents', '/api/v1/revisions/current'];

function cannedApp(asked: string[]) {
  /** How often a job was looked at: it runs at the first time, and has ended at the second. */
  const looks = new Map<string, number>();
  return new Hono()
    .use('/api/v1/*', async (c, next) => {
      asked.push(c.req.url.replace(/^.*\/api\/v1/, ''));
      const key = c.req.header('authorization');
      if (key === undefined) return c.json(failure('UNAUTHENTICATED', 'No key was sent.', {hint: 'Send one.'}), 401);
      if (key !== 'Bearer key-of-scripts') return c.json(failure('FORBIDDEN', 'Not with this key.'), 403);
      return next();
    })
    .on('GET', ofController, c => c.json(failure('ROUTE_NOT_FOUND', 'This fusion embeds no controller.'), 404))
    .get('/api/v1/views', c => c.json({data: [{name: 'research'}, {name: 'archive'}]}))
    .get('/api/v1/views/:view/status', c => c.json({data: statuses[c.req.param('view')]}))
    .get('/api/v1/fs/stat', c => c.body(entry))
    .get('/api/v1/views/research/fs/tree', c => {
      const {path, path_b64, cursor, limit, recursive} = c.req.query();
      if (path_b64 !== undefined) return c.json(treeOfBytes(path_b64));
      if (path === '/conflict') return c.json(failure('SOMETHING_NEW', 'Another change came first.'), 409);
      if (path === '/broken' && cursor !== undefined) return c.json(failure('INTERNAL', 'A bug.'), 500);
      if (path === '/gone')
        return c.json({...failure('PATH_NOT_FOUND', 'Nothing is known of /gone.'), meta: live}, 404);
      if (path === '/later') {
        return c.json({...failure('PATH_NOT_FOUND', 'Nothing is known of /later.'), meta: inSnapshot}, 404);
      }
      if (recursive !== 'true') return c.body(firstPage.replace('"2"', 'null'));
      return c.body(cursor === undefined || limit === '3' ? firstPage : lastPage);
    })
    .post('/api/v1/views/research/fs/scan', async c => {
      const order = (await c.req.json()) as {path?: string};
      if (order.path === '/many') return c.json(failure('TOO_MANY_JOBS', 'A hundred scans wait already.'), 429);
      looks.set(`job-of-${order.path}`, 0);
      return c.json({data: jobAs('queued', {...order, id: `job-of-${order.path}`}), meta: live}, 202);
    })
    .get('/api/v1/views/research/jobs', c => c.json({data: [jobAs('running'), jobAs('done')], meta: live}))
    .get('/api/v1/views/research/jobs/:id', c => {
      const id = c.req.param('id');
      const look = looks.get(id);
      if (look === undefined) return c.json(failure('JOB_NOT_FOUND', 'No such job.'), 404);
      looks.set(id, look + 1);
      if (id.endsWith('/endless')) return c.json({data: jobAs('queued', {id}), meta: live});
      const end = id.endsWith('/bad') ? 'failed' : 'done';
      return c.json({data: jobAs(look === 0 ? 'running' : end, {id}), meta: live});
    })
    .get('/api/v1/views/research/fs/blind-spots', c => {
      const isFirst = c.req.query('cursor') === undefined;
      const next_cursor = isFirst ? 'next' : null;
      return c.json({data: isFirst ? blindSpots : [], meta: {...live, next_cursor}});
    })
    .get('/api/v1/views/research/fs/suspects', c => c.body(suspects))
    .get('/api/v1/views/research/fs/stats', c => c.body(stats))
    .get('/api/v1/views/research/fs/search', c => {
      const isFirst = c.req.query('cursor') === undefined;
      return c.json({data: isFirst ? changeRows : [], meta: {...live, next_cursor: isFirst ? 'next' : null}});
    })
    .get('/api/v1/views/research/fs/changes', c => {
      if (c.req.query('since') === '1') return c.json(failure('CHANGES_GONE', 'The log has ended.'), 410);
      const isFirst = c.req.query('cursor') === undefined;
      const next_cursor = isFirst ? '7' : null;
      return c.json({data: isFirst ? changeRows : [], meta: {...live, to_seq: 8, next_cursor}});
    })
    .get('/api/v1/views/research/fs/watch', c => {
      const since = c.req.query('since');
      if (since === '1') return c.json(failure('CHANGES_GONE', 'The log has ended.'), 410);
      // A stream of one event each, as if the gateways were replaced all the time.
      const at = Number(c.req.header('last-event-id') ?? since) - 5;
      const row = changeRows[at];
      const body = row ? `retry: 1\n\n: hello\nid: ${row.seq}\ndata: ${JSON.stringify(row)}\n\n` : gone;
      return c.body(body, 200, {'content-type': 'text/event-stream'});
    })
    .get('/proxy/*', c => c.html('<h1>Welcome</h1>'))
    .get('/moved/*', c => c.redirect('https://elsewhere/'));
}

function failure(code: string, message: string, more: {hint?: string} = {}) {
  return {error: {code, message, ...more}};
}

const live = {view: 'research', complete: true, sync: 'live'};
const inSnapshot = {view: 'research', complete: false, sync: 'snapshot'};

const statuses: Record<string, object> = {
  research: {sync: 'live', complete: true, leader: 'node-a', agents: [{id: 'node-a', lag: 0.25}]},
  archive: {sync: 'stale', complete: true, leader: null, agents: []},
};

/** `/data` with five entries, in two pages. Text, because a JavaScript number could not hold these times. */
const firstPage = `{
  "data": {"path": "/data", "name": "data", "content_type": "directory", "modified_time": 1700000000, "children": [
    {"name": "a\\nb", "content_type": "file", "size": 12, "modified_time": 1700000000.000000001, "integrity_suspect": true},
    {"name": "sub", "content_type": "directory", "modified_time": 1700000000.5, "children": [
      {"name": "one", "content_type": "file", "size": 1, "modified_time": 1.10}]}]},
  "meta": {"view": "research", "complete": true, "sync": "live", "next_cursor": "2"}}`;
const lastPage = `{
  "data": {"path": "/data", "name": "data", "continued": true, "children": [
    {"name": "sub", "continued": true, "children": [
      {"name": "\ufffd", "name_b64": "_w", "content_type": "symlink", "modified_time": 2}]},
    {"name": "z", "content_type": "other"}]},
  "meta": {"view": "research", "complete": true, "sync": "live", "next_cursor": null}}`;

function jobAs(state: string, more: object = {}) {
  const reason = state === 'failed' ? 'the storage is not mounted' : null;
  const progress = {directories: 3, entries: 40};
  const times = {requested_at: '2026-01-01T00:00:00.000Z', ended_at: null};
  return {id: 'j1', source: 'on_demand', path: '/d', state, ...times, agent: 'node-a', progress, reason, ...more};
}

const blindSpots = [
  {path: '/a\nb', change: 'created', found_at: '2026-01-01T00:00:00.000Z'},
  {path: '/\ufffd', path_b64: 'L_8', change: 'deleted', found_at: '2026-01-01T00:00:00.000Z'},
];
const suspects = `{"data": [
  {"path": "/f", "size": 12, "expires_at": "2026-01-01T00:00:00.000Z", "modified_time": 1700000000.000000001}],
  "meta": {"view": "research", "complete": true, "sync": "live", "next_cursor": null}}`;

const stats = `{
  "data": {"path": "/data", "content_type": "directory", "files": 4, "bytes": 4096, "newest_change": 1700000000.5,
    "children": [
      {"name": "a\\nb", "content_type": "directory", "files": 3, "bytes": 3072, "newest_change": 1700000000.5},
      {"name": "\ufffd", "name_b64": "_w", "content_type": "file", "files": 1, "bytes": 1024, "newest_change": 5}],
    "children_count": 12},
  "meta": {"view": "research", "complete": true, "sync": "live"}}`;

const changeRows = [
  {seq: 6, change: 'created', path: '/a\nb', content_type: 'file', size: 12, integrity_suspect: true},
  {seq: 7, change: 'moved', from: '/d', path: '/\ufffd', path_b64: 'L_8', content_type: 'directory'},
];
const gone = `event: gone\ndata: ${JSON.stringify(failure('CHANGES_GONE', 'You were too slow.'))}\n\n`;

const entry = `{
  "data": {"path": "/a", "content_type": "file", "size": 7, "modified_time": 1700000000.123456789, "totals": {"files": 1}},
  "meta": {"complete": false, "sync": "snapshot"}}`;

function treeOfBytes(path_b64: string) {
  const children = [{name: 'x', content_type: 'file', size: 1}];
  return {data: {path: '/\ufffd', path_b64, name: '\ufffd', name_b64: '_w', children}, meta: live};
}
