import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {ApiKeyAnswer, NewApiKey} from '../../../core/identity/api-keys.ts';
import type {Key} from '../../../core/identity/key.ts';
import {isAboveUser} from '../../../core/site/check-site.ts';
import {registryRows} from '../../../core/site/registry.ts';
import type {Site} from '../../../core/site/site.ts';
import {queryOf} from '../../http/api.ts';
import {readParameters} from '../../http/parameters.ts';
import {readJson} from '../../http/read-json.ts';
import type {ControllerApp, ControllerAppParts, ControllerContext} from '../app.ts';
import {audited} from '../audit.ts';
import {newApiKey, newCredential} from './identity-shapes.ts';

const bodyBytesMax = 256 * 1024;

/** `/api/v1/keys` and `/api/v1/credentials`: keys of this controller, and secrets that the configuration names. */
export function keyRoutes(app: ControllerApp, {identity, keys, desired, health}: ControllerAppParts): void {
  const {apiKeys, credentials, usersOfCredential} = identity;
  const withoutParameters = (context: ControllerContext) => void readParameters(queryOf(context), []);

  app.get('/api/v1/keys', context => {
    withoutParameters(context);
    return context.json({
      data: [
        ...keys.configured().map(ofConfiguration),
        ...ofSite(desired.authority.site()),
        ...apiKeys.list().map(ofStore),
      ],
    });
  });
  app.post('/api/v1/keys', async context => {
    withoutParameters(context);
    const {name, role, views, user, expires_in} = await readJson(context, newApiKey, {
      bytesMax: bodyBytesMax,
      looksLike: '{"name": "scripts", "role": "reader", "views": ["research"]}',
    });
    audited(context, {action: 'key.create', subject: name, details: {role, views, ...(user !== undefined && {user})}});
    if (keys.configured().some(key => key.name === name)) {
      throw new FustorError('ALREADY_EXISTS', `The configuration file of the controller has a key "${name}".`, {
        hint: 'Choose another name.',
      });
    }
    const heard = health.picture().views.map(({view}) => view);
    demandKnown({name, role, views, user}, {site: desired.authority.site(), heard});
    const by = context.get('key').name;
    const created = await apiKeys.create({name, role, views, user, expiresInMs: expires_in, by});
    return context.json({data: {...ofStore(created), key: created.key}}, 201, {'cache-control': 'no-store'});
  });
  app.delete('/api/v1/keys/:name', async context => {
    withoutParameters(context);
    const name = context.req.param('name');
    audited(context, {action: 'key.revoke', subject: name});
    await apiKeys.revoke(name);
    return context.json({data: {name}});
  });

  app.get('/api/v1/credentials', context => {
    withoutParameters(context);
    return context.json({data: credentials.list()});
  });
  app.post('/api/v1/credentials', async context => {
    withoutParameters(context);
    const {name, value} = await readJson(context, newCredential, {
      bytesMax: bodyBytesMax,
      looksLike: '{"name": "nfs", "value": "…"}',
    });
    audited(context, {action: 'credential.put', subject: name});
    const {isNew} = await credentials.put({name, value, by: context.get('key').name});
    return context.json({data: {name, is_new: isNew}}, isNew ? 201 : 200);
  });
  app.delete('/api/v1/credentials/:name', async context => {
    withoutParameters(context);
    const name = context.req.param('name');
    audited(context, {action: 'credential.remove', subject: name});
    await credentials.remove(name, usersOfCredential);
    return context.json({data: {name}});
  });
}

type Wanted = Pick<NewApiKey, 'name' | 'role' | 'views' | 'user'>;

/** As for keys in files of the site; a view may also be one that only a fusion's own file has. Throws. */
function demandKnown({name, role, views, user}: Wanted, {site, heard}: {site: Site; heard: string[]}): void {
  if (site.keys.has(name)) {
    throw new FustorError('ALREADY_EXISTS', `The desired state has a key "${name}".`, {hint: 'Choose another name.'});
  }
  const known = [...new Set([...site.views.keys(), ...heard])];
  const unknown = views === '*' ? undefined : views.find(view => !known.includes(view));
  if (unknown !== undefined) {
    throw new FustorError('BAD_REQUEST', `There is no view "${unknown}".`, {
      hint: `There are ${known.sort().join(', ') || 'none yet'}.`,
    });
  }
  if (user === undefined) return;
  if (!site.users.has(user)) {
    throw new FustorError('BAD_REQUEST', `There is no user "${user}".`, {
      hint: `There are ${[...site.users.keys()].sort().join(', ') || 'none yet: they stand in the desired state'}.`,
    });
  }
  if (isAboveUser(site, user, role)) {
    throw new FustorError('BAD_REQUEST', `A key of the user ${user} cannot have the role ${role}.`, {
      hint: `The user has only the role ${site.users.get(user)!.settings.role}.`,
    });
  }
}

/** Those count at the fusions. */
function ofSite(site: Site) {
  return registryRows(site, 'keys').map(({name, role, views, user = null}) => {
    return {name, role, views, user, origin: 'site', created_at: null, created_by: null, expires_at: null};
  });
}

/** The one that the controller's own file has always works, so that nobody is locked out. */
function ofConfiguration({name, role, views}: Key) {
  return {name, role, views, user: null, origin: 'file', created_at: null, created_by: null, expires_at: null};
}

function ofStore({name, role, views, user, created_at, created_by, expires_at}: ApiKeyAnswer) {
  return {name, role, views, user, origin: 'api', created_at, created_by, expires_at};
}
