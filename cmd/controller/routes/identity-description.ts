import {type OpenAPIHono, z} from '@hono/zod-openapi';
import {
  enrolAnswer,
  enrolRequest,
  nodeKind,
  renewAnswer,
  renewRequest,
  trustAnswer,
} from '../../../core/identity/protocol.ts';
import {type ApiEnv, json} from '../../http/api.ts';
import {auditParameters} from './audit.ts';
import {
  apiKey,
  auditRecord,
  credential,
  enrolToken,
  identity,
  newApiKey,
  newCredential,
  newEnrolToken,
} from './identity-shapes.ts';

type Route = {
  method: 'get' | 'post' | 'delete';
  path: string;
  summary: string;
  /** Of the answer's `data`. */
  data: z.ZodType;
  status?: number;
  body?: z.ZodType;
  params?: z.ZodObject;
  query?: z.ZodObject;
  isPublic?: boolean;
  errors?: Record<number, string>;
};

const unknown = {404: 'There is none of this name.'};

const routes: Route[] = [
  {
    method: 'get',
    path: '/api/v1/control/trust',
    summary: 'Who signs manifests here, and the certificate authority. Anybody may ask.',
    data: trustAnswer,
    isPublic: true,
  },
  {
    method: 'post',
    path: '/api/v1/control/enroll',
    summary:
      'Makes a node known, with an enrolment token in place of a key. Asking again with the same key is answered again.',
    body: enrolRequest,
    data: enrolAnswer,
    isPublic: true,
    errors: {
      401: 'The enrolment token is unknown or has expired.',
      403: 'It is used up, or not for this node.',
      409: 'Another key has this identity.',
    },
  },
  {
    method: 'post',
    path: '/api/v1/control/renew',
    summary: "A node's next certificate.",
    body: renewRequest,
    data: renewAnswer,
    errors: {404: 'This controller has no TLS.'},
  },
  {
    method: 'get',
    path: '/api/v1/enroll-tokens',
    summary: 'What new nodes may enrol with.',
    data: z.array(enrolToken),
  },
  {
    method: 'post',
    path: '/api/v1/enroll-tokens',
    summary: 'Makes an enrolment token, which is told only now.',
    body: newEnrolToken,
    status: 201,
    data: enrolToken.extend({token: z.string()}),
  },
  {
    method: 'delete',
    path: '/api/v1/enroll-tokens/{id}',
    summary: 'Nobody enrols with it any more.',
    params: z.object({id: z.string()}),
    data: z.object({id: z.string()}),
    errors: unknown,
  },
  {method: 'get', path: '/api/v1/identities', summary: 'The nodes that have enrolled.', data: z.array(identity)},
  {
    method: 'delete',
    path: '/api/v1/identities/{kind}/{id}',
    summary: 'Revokes the identity of a node: its token and certificates count no more. Its local work goes on.',
    params: z.object({kind: nodeKind, id: z.string()}),
    data: z.object({kind: nodeKind, id: z.string()}),
    errors: unknown,
  },
  {
    method: 'get',
    path: '/api/v1/keys',
    summary: 'The keys that this controller knows, without themselves.',
    data: z.array(apiKey),
  },
  {
    method: 'post',
    path: '/api/v1/keys',
    summary: 'Makes an API key, which is told only now.',
    body: newApiKey,
    status: 201,
    data: apiKey.extend({key: z.string()}),
    errors: {409: 'There is a key of this name.'},
  },
  {
    method: 'delete',
    path: '/api/v1/keys/{name}',
    summary: 'Revokes an API key, at once.',
    params: z.object({name: z.string()}),
    data: z.object({name: z.string()}),
    errors: unknown,
  },
  {method: 'get', path: '/api/v1/credentials', summary: 'Secrets, without their values.', data: z.array(credential)},
  {
    method: 'post',
    path: '/api/v1/credentials',
    summary: 'Keeps a secret, by a name that the configuration may use from now on.',
    body: newCredential,
    status: 201,
    data: z.object({name: z.string(), is_new: z.boolean()}),
  },
  {
    method: 'delete',
    path: '/api/v1/credentials/{name}',
    summary: 'Removes a secret that nothing uses.',
    params: z.object({name: z.string()}),
    data: z.object({name: z.string()}),
    errors: {...unknown, 409: 'The configuration uses it.'},
  },
  {
    method: 'get',
    path: '/api/v1/audit',
    summary: 'What administrators did, the newest first.',
    query: auditParameters,
    data: z.array(auditRecord),
  },
];

/** Who may do what, for `/openapi.json`. */
export function describeIdentity(app: OpenAPIHono<ApiEnv>): void {
  const errorBody = z.object({error: z.object({code: z.string(), message: z.string()}).loose()});
  for (const {method, path, summary, data, status = 200, body, params, query, isPublic, errors} of routes) {
    const meta = query ? {meta: z.object({next_cursor: z.string().nullable()})} : {};
    const told = {
      400: 'The request is not what is wanted.',
      401: 'No key, or an unknown one.',
      403: 'The key may not do this.',
    };
    app.openAPIRegistry.registerPath({
      method,
      path,
      summary,
      ...(isPublic && {security: []}),
      request: {
        ...(params && {params}),
        ...(query && {query}),
        ...(body && {body: {required: true, content: {'application/json': {schema: body}}}}),
      },
      responses: {
        [status]: json(z.object({data, ...meta}), 'It is so.'),
        ...Object.fromEntries(
          Object.entries({...told, ...errors}).map(([code, what]) => [code, json(errorBody, what)] as const),
        ),
      },
    });
  }
}
