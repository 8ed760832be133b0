import {type OpenAPIHono, z} from '@hono/zod-openapi';
import {type ApiEnv, json} from '../../http/api.ts';
import {
  applyOrder,
  change,
  desired,
  diffParameters,
  manifest,
  pullParameters,
  registryRow,
  revision,
  revisionContentParameters,
  revisionParameters,
  rollbackOrder,
} from './desired-shapes.ts';

type Route = {
  method: 'get' | 'post';
  path: string;
  summary: string;
  /** Of the answer's `data`. */
  data: z.ZodType;
  body?: z.ZodType;
  params?: z.ZodObject;
  query?: z.ZodObject;
  isPaged?: boolean;
  errors?: Record<number, string>;
};

const none = {404: 'There is none of this number or name.'};
/** It tells of the whole site. */
const ofAll = {403: 'The key may not do this, or is one of a reader with some views.'};
const invalid = {400: 'It is not what is wanted; "details.mistakes" has all mistakes with file, line and column.'};
const refused = {409: 'Another revision is in force than expected, it is pinned, or only Git changes it.'};
const ofRevision = z.object({revision: z.string().describe('A number, or "current".')});
const ofKind = z.object({kind: z.string()});

const routes: Route[] = [
  {
    method: 'get',
    path: '/api/v1/desired',
    summary: 'Which revision is in force, and what keeps others out.',
    data: desired,
    errors: ofAll,
  },
  {
    method: 'get',
    path: '/api/v1/revisions',
    summary: 'The revisions, the newest first.',
    query: revisionParameters,
    data: z.array(revision),
    isPaged: true,
    errors: ofAll,
  },
  {
    method: 'get',
    path: '/api/v1/revisions/{revision}',
    summary: 'One revision.',
    params: ofRevision,
    query: revisionContentParameters,
    data: revision.extend({files: z.record(z.string(), z.string()).optional()}),
    errors: none,
  },
  {
    method: 'get',
    path: '/api/v1/revisions/{revision}/diff',
    summary: 'What a revision has changed.',
    params: ofRevision,
    query: diffParameters,
    data: z.object({from: z.number().int(), to: z.number().int(), diff: z.string()}),
    errors: none,
  },
  {
    method: 'post',
    path: '/api/v1/apply',
    summary: 'Makes files the desired state, all or nothing.',
    body: applyOrder,
    data: change,
    errors: {...invalid, ...refused},
  },
  {
    method: 'post',
    path: '/api/v1/rollback',
    summary: 'Brings the files of an earlier revision back, and keeps them in force until they are released.',
    body: rollbackOrder,
    data: change,
    errors: none,
  },
  {
    method: 'post',
    path: '/api/v1/release',
    summary: 'Ends what a rollback began: what Git has said meanwhile comes into force.',
    data: change,
  },
  {
    method: 'get',
    path: '/api/v1/registry/{kind}',
    summary:
      'What the desired state defines: datastores, views, sources, senders, pipes, agents, fusions, users or keys.',
    params: ofKind,
    data: z.array(registryRow),
    errors: none,
  },
  {
    method: 'get',
    path: '/api/v1/registry/{kind}/{name}',
    summary: 'One of them.',
    params: ofKind.extend({name: z.string()}),
    query: z.object({agent: z.string().optional().describe('The one in the file of this agent.')}),
    data: registryRow,
    errors: none,
  },
  {
    method: 'get',
    path: '/api/v1/manifests/{kind}/{id}',
    summary: 'What a node is told to do, without secrets.',
    params: ofKind.extend({id: z.string()}),
    data: manifest,
    errors: {...none, ...ofAll},
  },
];

const yaml = (description: string) => ({description, content: {'application/yaml': {schema: z.string()}}});

/** What the nodes should do, for `/openapi.json`. */
export function describeDesired(app: OpenAPIHono<ApiEnv>): void {
  const errorBody = z.object({error: z.object({code: z.string(), message: z.string()}).loose()});
  const told = (errors: Record<number, string> = {}) =>
    Object.fromEntries(
      Object.entries({
        ...{400: 'The request is not what is wanted.', 401: 'No key, or an unknown one.'},
        ...{403: 'The key may not do this.', ...errors},
      }).map(([code, what]) => [code, json(errorBody, what)] as const),
    );
  for (const {method, path, summary, data, body, params, query, isPaged, errors} of routes) {
    const meta = isPaged ? {meta: z.object({next_cursor: z.number().int().nullable()})} : {};
    app.openAPIRegistry.registerPath({
      ...{method, path, summary},
      request: {
        ...(params && {params}),
        ...(query && {query}),
        ...(body && {body: {required: true, content: {'application/json': {schema: body}}}}),
      },
      responses: {200: json(z.object({data, ...meta}), 'It is so.'), ...told(errors)},
    });
  }
  const path = '/api/v1/control/configs/{agent_id}';
  const params = z.object({agent_id: z.string()});
  app.openAPIRegistry.registerPath({
    ...{method: 'post', path, summary: 'Stores the full configuration of an agent, as its own file would be.'},
    request: {params, body: {required: true, ...yaml('The configuration.')}},
    responses: {
      200: json(
        z.object({data: change.extend({agent_id: z.string(), signature: z.string().nullable()})}),
        'It is stored.',
      ),
      ...told({...invalid, ...refused}),
    },
  });
  app.openAPIRegistry.registerPath({
    ...{method: 'get', path, summary: 'The configuration of an agent, as it was stored.'},
    request: {params},
    responses: {200: yaml('The configuration.'), ...told(none)},
  });
  app.openAPIRegistry.registerPath({
    ...{
      method: 'get',
      path: '/api/v1/control/configs/pull',
      summary: 'The manifest of a node; held while it is the current one.',
    },
    request: {query: pullParameters},
    responses: {
      200: {
        description: 'Canonical JSON. The header X-Config-Signature has its signature, X-Config-Revision its revision.',
      },
      304: {description: 'It is the one that the node has.'},
      ...told({404: 'There is none for this node.'}),
    },
  });
}
