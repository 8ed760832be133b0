import {FustorError} from '../../../core/errors/fustor-error.ts';
import {nodeKind} from '../../../core/identity/protocol.ts';
import {queryOf} from '../../http/api.ts';
import {readParameters} from '../../http/parameters.ts';
import {readJson} from '../../http/read-json.ts';
import type {ControllerApp, ControllerAppParts, ControllerContext} from '../app.ts';
import {audited} from '../audit.ts';
import {newEnrolToken} from './identity-shapes.ts';

const bodyBytesMax = 16 * 1024;

/** `/api/v1/enroll-tokens` and `/api/v1/identities`: who may become a node, and who is one. */
export function identityRoutes(app: ControllerApp, {identity}: ControllerAppParts): void {
  const {identities, enrolTokens} = identity;
  const withoutParameters = (context: ControllerContext) => void readParameters(queryOf(context), []);

  app.get('/api/v1/enroll-tokens', context => {
    withoutParameters(context);
    return context.json({data: enrolTokens.list()});
  });
  app.post('/api/v1/enroll-tokens', async context => {
    withoutParameters(context);
    const {role, ttl, uses, node, replace} = await readJson(context, newEnrolToken, {
      bytesMax: bodyBytesMax,
      looksLike: '{"role": "agent", "ttl": "1h", "uses": 20}',
    });
    if (replace && node === undefined) {
      throw new FustorError('BAD_REQUEST', 'A token that replaces an identity says which one: "node" is missing.');
    }
    const by = context.get('key').name;
    const created = await enrolTokens.create({role, ttlMs: ttl, uses, node, replaces: replace, by});
    const {id, expires_at} = created;
    audited(context, {
      action: 'enroll-token.create',
      subject: id,
      details: {role, uses, expires_at, ...(node !== undefined && {node, replace})},
    });
    return context.json({data: created}, 201, {'cache-control': 'no-store'});
  });
  app.delete('/api/v1/enroll-tokens/:id', async context => {
    withoutParameters(context);
    const id = context.req.param('id');
    audited(context, {action: 'enroll-token.revoke', subject: id});
    await enrolTokens.revoke(id);
    return context.json({data: {id}});
  });

  app.get('/api/v1/identities', context => {
    withoutParameters(context);
    return context.json({data: identities.list()});
  });
  app.delete('/api/v1/identities/:kind/:id', async context => {
    withoutParameters(context);
    const {kind: written, id} = context.req.param();
    audited(context, {action: 'identity.revoke', subject: `${written}/${id}`});
    const {data: kind} = nodeKind.safeParse(written);
    if (!kind) throw new FustorError('NOT_FOUND', `There are no nodes of the kind "${written}".`);
    await identities.revoke({kind, id}, context.get('key').name);
    return context.json({data: {kind, id}});
  });
}
