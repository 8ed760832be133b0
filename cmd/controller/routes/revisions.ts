import {filesDiff} from '../../../core/site/file-changes.ts';
import {queryOf} from '../../http/api.ts';
import {mayAdminister} from '../../http/keys.ts';
import {parseParameters, readParameters} from '../../http/parameters.ts';
import {readJson} from '../../http/read-json.ts';
import type {ControllerApp, ControllerAppParts, ControllerContext} from '../app.ts';
import {audited} from '../audit.ts';
import {
  applyOrder,
  changeAnswer,
  diffParameters,
  isoTime,
  revisionAnswer,
  revisionContentParameters,
  revisionParameters,
  rollbackOrder,
  whichRevision,
} from './desired-shapes.ts';

const filesBytesMax = 32 * 2 ** 20;
const orderBytesMax = 64 * 1024;

/** `/api/v1/revisions`, `apply`, `rollback`, `release` and `desired`: what the nodes should do, and who said so. */
export function revisionRoutes(app: ControllerApp, {desired: {authority, manifests}, git}: ControllerAppParts): void {
  const withoutParameters = (context: ControllerContext) => void readParameters(queryOf(context), []);
  const marks = () => ({inForce: authority.current().revision, pinned: authority.pin()?.revision});
  const numberIn = (context: ControllerContext<'/:revision'>) => {
    const {revision} = parseParameters(new Map([['revision', context.req.param('revision')]]) as never, whichRevision);
    return revision ?? authority.current().revision;
  };

  app.get('/api/v1/revisions', context => {
    const raw = readParameters(queryOf(context), Object.keys(revisionParameters.shape));
    const {limit, cursor} = parseParameters(raw, revisionParameters);
    const found = authority.revisions({before: cursor, limit: limit + 1});
    const page = found.slice(0, limit);
    const next = found.length > limit ? page.at(-1)!.number : null;
    return context.json({data: page.map(one => revisionAnswer(one, marks())), meta: {next_cursor: next}});
  });
  app.get('/api/v1/revisions/:revision', context => {
    const raw = readParameters(queryOf(context), Object.keys(revisionContentParameters.shape));
    const {files} = parseParameters(raw, revisionContentParameters);
    const number = numberIn(context);
    const answer = revisionAnswer(authority.revision(number), marks());
    return context.json({
      data: {...answer, ...(files && {files: Object.fromEntries(authority.filesOf(number))})},
    });
  });
  app.get('/api/v1/revisions/:revision/diff', context => {
    const raw = readParameters(queryOf(context), Object.keys(diffParameters.shape));
    const to = numberIn(context);
    const isAsked = raw.has('from');
    const from = isAsked
      ? (parseParameters(raw, diffParameters).from ?? authority.current().revision)
      : Math.max(0, to - 1);
    const diff = filesDiff(authority.filesOf(from), authority.filesOf(to));
    return context.json({data: {from, to, diff}});
  });

  app.post('/api/v1/apply', async context => {
    withoutParameters(context);
    const order = await readJson(context, applyOrder, {
      bytesMax: filesBytesMax,
      looksLike: '{"files": {"site.yaml": "views: …"}, "message": "why"}',
    });
    const {files, prune, message, expected_revision: expectedRevision, dry_run: isDry} = order;
    const facts = {action: isDry ? 'desired.try' : 'desired.apply', details: {files: Object.keys(files), prune}};
    audited(context, {...facts, subject: 'the desired state'});
    const offer = {
      ...{files: new Map(Object.entries(files)), keepsOthers: !prune, message, expectedRevision},
      ...{origin: 'api' as const, isStrict: true, ...offerer(context)},
    };
    if (isDry) return context.json({data: changeAnswer(authority.consider(offer))});
    const outcome = await authority.offer(offer);
    audited(context, {...facts, subject: `revision ${outcome.revision}`});
    return context.json({data: changeAnswer(outcome)});
  });
  app.post('/api/v1/rollback', async context => {
    withoutParameters(context);
    const order = await readJson(context, rollbackOrder, {bytesMax: orderBytesMax, looksLike: '{"revision": 7}'});
    const {revision: to, message} = order;
    audited(context, {action: 'desired.rollback', subject: `revision ${to}`});
    return context.json({data: changeAnswer(await authority.rollback({to, message, ...offerer(context)}))});
  });
  app.post('/api/v1/release', async context => {
    withoutParameters(context);
    audited(context, {action: 'desired.release', subject: 'the desired state'});
    return context.json({data: changeAnswer(await authority.release(context.get('key').name))});
  });

  app.get('/api/v1/desired', context => {
    withoutParameters(context);
    const {revision, head, pin, problems} = authority.status();
    const nodes = manifests
      .all()
      .flatMap(({kind, id, problem}) =>
        problem ? [{kind, id, reason: problem.reason, since: isoTime(problem.since)}] : [],
      );
    return context.json({
      data: {
        revision: revision ? revisionAnswer(revision, marks()) : null,
        authority: git ? 'git' : 'api',
        newest: head,
        pin: pin ? {...pin, at: isoTime(pin.at)} : null,
        problems,
        nodes,
        git: git?.follower.state() ?? null,
      },
    });
  });
}

/** Who changes what the nodes should do, and whether that may be also who may do what. */
export function offerer(context: ControllerContext): {author: string; keepsAccess: boolean} {
  const key = context.get('key');
  return {author: key.name, keepsAccess: !mayAdminister(key)};
}
