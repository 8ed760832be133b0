import {nearest} from '../../../core/config/nearest.ts';
import {nodeKinds} from '../../../core/control/protocol.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {hashOfSignature} from '../../../core/manifest/signature.ts';
import {type RegistryKind, type RegistryRow, registryKinds, registryRows} from '../../../core/site/registry.ts';
import {queryOf} from '../../http/api.ts';
import {type Key, opens, seesAll} from '../../http/keys.ts';
import {readParameters} from '../../http/parameters.ts';
import type {ControllerApp, ControllerAppParts, ControllerContext} from '../app.ts';
import {isoTime} from './desired-shapes.ts';

/** `/api/v1/registry` and `/api/v1/manifests`: what the desired state in force defines, and what comes of it; no secrets. */
export function registryRoutes(app: ControllerApp, {desired: {authority, manifests}}: ControllerAppParts): void {
  const rowsFor = (context: ControllerContext, kind: RegistryKind) => {
    const isOpen = openRows(context.get('key'), kind);
    return registryRows(authority.site(), kind).filter(isOpen);
  };
  app.get('/api/v1/registry/:kind', context => {
    readParameters(queryOf(context), []);
    return context.json({data: rowsFor(context, kindIn(context))});
  });
  app.get('/api/v1/registry/:kind/:name', context => {
    const agent = readParameters(queryOf(context), ['agent']).get('agent');
    const [kind, name] = [kindIn(context), context.req.param('name')];
    const found = rowsFor(context, kind).find(row => row.name === name && (agent === undefined || row.agent === agent));
    if (found) return context.json({data: found});
    throw new FustorError('NOT_FOUND', `There is no "${name}" among the ${kind} of the desired state.`, {
      hint: `Run "fustorctl get ${kind}" to see what there is.`,
    });
  });
  app.get('/api/v1/manifests/:kind/:id', context => {
    readParameters(queryOf(context), []);
    const {kind: asked, id} = context.req.param();
    const kind = nodeKinds.find(one => one === asked);
    const manifest = kind && manifests.get({kind, id});
    if (!manifest) throw new FustorError('NOT_FOUND', `There is no manifest for the ${asked} ${id}.`);
    const {revision, file, signature, shown, problem} = manifest;
    return context.json({
      data: {
        ...{kind, id, revision, file, signature, hash: hashOfSignature(signature) ?? null, config: shown},
        problem: problem ? {reason: problem.reason, since: isoTime(problem.since)} : null,
      },
    });
  });
}

function kindIn({req}: ControllerContext<'/:kind'>): RegistryKind {
  const asked = req.param('kind');
  const kind = registryKinds.find(one => one === asked);
  if (kind) return kind;
  const near = nearest(asked, registryKinds);
  throw new FustorError('NOT_FOUND', `The registry has no "${asked}".`, {
    hint: `${near === undefined ? '' : `Did you mean "${near}"? `}It has ${registryKinds.join(', ')}.`,
  });
}

/** A reader with some views sees these and the pipes that feed them. Throws FORBIDDEN. */
function openRows(key: Key, kind: RegistryKind): (row: RegistryRow) => boolean {
  if (seesAll(key)) return () => true;
  if (kind === 'views') return ({name}) => opens(key, name);
  if (kind === 'pipes') return ({view}) => typeof view === 'string' && opens(key, view);
  throw new FustorError('FORBIDDEN', `The key "${key.name}" may look at views and pipes, and not at ${kind}.`, {
    hint: 'Use a key with the views "*", or of another role.',
  });
}
