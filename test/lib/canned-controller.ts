import {Hono} from 'hono';
import {type Listening, listen} from './canned-fusion.ts';

/** `asked` collects method, path and query of every request, without `/api/v1`; `sent` the bodies. */
export type CannedController = Listening & {asked: string[]; sent: unknown[]};

/** A controller as its API describes it, with answers that were written by hand, for tests of what asks it. */
export async function startCannedController(): Promise<CannedController> {
  const asked: string[] = [];
  const sent: unknown[] = [];
  const listening = await listen(cannedApp(asked, sent).fetch);
  return {...listening, asked, sent};
}

function cannedApp(asked: string[], sent: unknown[]) {
  const lists: Record<string, object[]> = {
    agents,
    fusions,
    pipes,
    'control/views': views,
    'control/sessions': sessions,
  };
  const more: Record<string, object[]> = {keys, revisions, identities, credentials, 'enroll-tokens': tokens, audit};
  const app = new Hono().use('/api/v1/*', async (c, next) => {
    asked.push(`${c.req.method} ${c.req.url.replace(/^.*\/api\/v1/, '')}`);
    if (c.req.method === 'POST') sent.push(await c.req.json());
    if (c.req.header('authorization') === 'Bearer key-of-operators') return next();
    return c.json({error: {code: 'FORBIDDEN', message: 'Not with this key.'}}, 403);
  });
  for (const [path, rows] of Object.entries({...lists, ...more, problems})) {
    app.get(`/api/v1/${path}`, c => c.json({data: rows, meta: {next_cursor: null}}));
  }
  return app
    .get('/api/v1/desired', c => c.json({data: {authority: 'api', pin: null}}))
    .get('/api/v1/revisions/current', c => c.json({data: {...revisions[0], files}}))
    .get('/api/v1/revisions/:n/diff', c => c.json({data: {revision: Number(c.req.param('n')), from: 2, diff: unified}}))
    .get('/api/v1/agents/:id', c =>
      found(
        c,
        agents.find(({id}) => id === c.req.param('id')),
      ),
    )
    .get('/api/v1/fusions/:id', c =>
      found(
        c,
        fusions.find(({id}) => id === c.req.param('id')),
      ),
    )
    .get('/api/v1/pipes/:agent/:pipe', c =>
      found(
        c,
        pipes.find(({pipe}) => pipe === c.req.param('pipe')),
      ),
    )
    .post('/api/v1/apply', async c => {
      const {files, expected_revision, dry_run} = (await c.req.json()) as Applied;
      const isLate = (expected_revision ?? 3) !== 3 || JSON.stringify(files).includes('lost');
      if (isLate) return c.json(conflict, 409);
      if (Object.hasOwn(files, 'same.yaml'))
        return c.json({data: {revision: 3, is_new: false, changed: [], problems: [], diff: ''}});
      const changed = [{kind: 'agent', id: 'node-a'}];
      return c.json({data: {revision: dry_run ? 3 : 4, is_new: true, changed, problems: [], diff: unified}});
    })
    .post('/api/v1/rollback', c => c.json({data: {revision: 4, is_new: true, changed: [], problems: []}}))
    .post('/api/v1/release', c => c.json({data: {revision: 4}}))
    .post('/api/v1/git/sync', c => c.json({data: {revision: 4, commit: 'abc'}}))
    .post('/api/v1/keys', c => c.json({data: {name: 'scripts', key: 'fustor_key_x'}}, 201))
    .post('/api/v1/enroll-tokens', c => c.json({data: {id: 't2', token: 'fustor_enroll_x'}}, 201))
    .post('/api/v1/credentials', c => c.json({data: {name: 'nfs-key'}}))
    .delete('/api/v1/:kind/:name', c => c.body(null, 204))
    .delete('/api/v1/identities/:kind/:name', c => c.body(null, 204))
    .post('/api/v1/:kind/:id/commands', async c => {
      const order = (await c.req.json()) as Order;
      const isGone = order.part === 'engine-gone';
      const data = order.command === 'logs' ? {text: 'one\ntwo\x1b[0m\n'} : undefined;
      const end = isGone ? {state: 'failed', message: 'There is no such part.'} : {state: 'done', message: null, data};
      return c.json({data: {...order, ...end}}, 202);
    })
    .get('/api/v1/registry/:kind', c => c.json({data: registry[c.req.param('kind')] ?? []}))
    .get('/api/v1/registry/:kind/:name', c => {
      const {kind, name} = c.req.param();
      return found(
        c,
        registry[kind]?.find(one => one.name === name),
      );
    });
}

type Applied = {files: Record<string, string>; expected_revision?: number; dry_run?: boolean};
type Order = {command: string; pipe?: string; part?: string};

function found(c: {json(body: object, status?: 404): Response}, data: object | undefined): Response {
  return data ? c.json({data}) : c.json({error: {code: 'NOT_FOUND', message: 'There is no such thing.'}}, 404);
}

const at = '2026-01-01T00:00:00.000Z';
const death = {
  at,
  cause: 'signal',
  code: null,
  signal: 'SIGSEGV',
  pid: 41,
  uptime_ms: 3_723_000,
  detail: 'It crashed.',
};

const parts = [
  {name: 'payload-alpha', pipe: 'alpha', state: 'running', pid: 42, starts: 1, last_death: null},
  {
    name: 'payload-beta',
    pipe: 'beta',
    state: 'quarantined',
    pid: null,
    starts: 5,
    last_death: {...death, stderr: 'last words\n'},
  },
];
const failed = {hash: 'abc', reason: 'pipes.beta.source: no such source', at};
const agents = [
  {
    ...{id: 'node-a', kind: 'agent', state: 'online', since: at, wanted: true, apply: 'rolled_back', parts},
    shell: {host: 'host-a', version: '0.1.0', pid: 11},
    config: {
      state: 'running',
      origin: 'controller',
      parts: [{name: 'payload-beta', state: 'rolled_back', last_failed: failed}],
    },
  },
  {id: 'node-b', kind: 'agent', state: 'silent', since: at, wanted: true, apply: null},
];
const fusions = [
  {
    id: 'main',
    kind: 'fusion',
    state: 'online',
    since: at,
    parts: [{name: 'engine-research', pipe: null, state: 'running'}],
  },
];
const pipes = [
  {
    agent: 'node-a',
    pipe: 'alpha',
    view: 'research',
    state: 'running',
    since: at,
    role: 'leader',
    apply: 'applied',
    lag_ms: 250,
  },
  {
    agent: 'node-a',
    pipe: 'beta',
    view: 'archive',
    state: 'quarantined',
    since: at,
    role: null,
    apply: 'rolled_back',
    last_failed: failed,
  },
];
const views = [
  {view: 'research', fusion: 'main', state: 'live', since: at, complete: true, leader: 'node-a', agents: ['node-a']},
];
const sessions = [
  {view: 'research', agent: 'node-a', pipe: 'alpha', state: 'live', since: at, role: 'leader', lag_ms: 250},
];
const keys = [{name: 'ops', role: 'operator', views: '*', user: null, expires_at: null}];
const revisions = [3, 2, 1].map(revision => ({
  revision,
  at,
  author: 'ops',
  origin: 'api',
  message: `change ${revision}`,
}));
const identities = [{kind: 'agent', id: 'node-a', state: 'active', host: 'host-a', enrolled_at: at}];
const credentials = [{name: 'nfs-key', changed_at: at, changed_by: 'ops'}];
const tokens = [{id: 't1', role: 'agent', state: 'usable', uses_left: 20, expires_at: at}];
const audit = [{number: 7, at, who: 'ops', action: 'key.create', subject: 'scripts', outcome: 'done'}];
const problems = [
  {
    ...{subject: 'pipe/node-a/beta', kind: 'quarantined', severity: 'error', since: at},
    ...{problem: 'Its process died too often.', next: 'fustorctl agent restart node-a beta'},
  },
];
const registry: Record<string, {name: string}[]> = {
  agents: [{name: 'node-a', pipes: ['alpha', 'beta'], file: 'agents.yaml'} as {name: string}],
  pipes: [{name: 'beta', source: 'beta', sender: 'main', view: 'archive'} as {name: string}],
  sources: [{name: 'alpha', driver: 'fs', path: '/data', file: 'site.yaml'} as {name: string}],
};
const files = {'site.yaml': 'fusions:\n  main: {url: "http://fusion:8102"}\nviews:\n  research: {}\n'};
const unified = '--- a/site.yaml\n+++ b/site.yaml\n@@ -1,1 +1,1 @@\n-views: {}\n+views: {research: {}}\n';
const conflict = {
  error: {code: 'REVISION_CONFLICT', message: 'Revision 4 is in force.', details: {revision: 4, diff: unified}},
};
