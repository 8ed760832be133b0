// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {z} from 'zod';
import {group, list, named} from '../config/groups.ts';
import {
  agentSettings,
  checkControlPlane,
  checkView,
  fusionLimits,
  keyViews,
  pipe,
  senderSettings,
  source,
  supervisionOfPipes,
  viewSettings,
} from '../config/schema.ts';
import {apiKey, choice, duration, httpUrl, name, text} from '../config/values.ts';

/**
 * What the files of the desired state may say. Settings of nodes are those of the nodes' own files, so what passes here
 * passes there; nothing is filled in, because a node knows its own defaults.
 */

const roles = ['admin', 'operator', 'reader', 'agent'] as const;
const sha256Wanted = 'the SHA-256 of the key, a text of 64 digits 0-9 and a-f';
const sha256 = z.string({error: sha256Wanted}).regex(/^[0-9a-f]{64}$/, sha256Wanted);

const datastore = group({description: text.optional(), location: text.optional()});

const view = group({...viewSettings, datastore: name.optional(), fusion: name.optional()}).superRefine(checkView);

/** To a fusion of the site by its name, or to any by its address. Without a key it shows the agent's own token. */
const sender = group({
  ...senderSettings,
  url: httpUrl.optional(),
  fusion: name.optional(),
  key: apiKey.optional(),
}).superRefine(({url, fusion}, context) =>
  demandOne(context, {url, fusion}, 'an address, or the name of a fusion of the site as "fusion"'),
);

const agent = group({
  pipes: list(name, 'a list of names of pipes').default([]),
  log_level: agentSettings.log_level.optional(),
  supervision: supervisionOfPipes.optional(),
});

const fusion = group({...fusionLimits, url: httpUrl});

const key = group({
  role: choice(...roles),
  views: keyViews,
  user: name.optional(),
  key: apiKey.optional(),
  sha256: sha256.optional(),
}).superRefine(({key, sha256}, context) =>
  demandOne(context, {key, sha256}, 'a key as "${secret:NAME}", or its hash as "sha256"'),
);

const user = group({role: choice(...roles), description: text.optional()});

export const siteSchema = group({
  datastores: named(datastore),
  views: named(view),
  sources: named(source),
  senders: named(sender),
  pipes: named(pipe),
  agents: named(agent),
  fusions: named(fusion),
  keys: named(key),
  users: named(user),
  policies: group({soak: duration({min: '1s', max: '1d'}).optional()}).optional(),
});

/** As the agent's own file; `data` is the business of its host. */
export const agentFileSchema = group({
  agent: group({...agentSettings, data: text.optional()}).superRefine(checkControlPlane),
  sources: named(source),
  senders: named(sender),
  pipes: named(pipe),
});

/** The first one is missing, or the second one is too much. */
function demandOne(context: z.core.$RefinementCtx, settings: Record<string, unknown>, wanted: string): void {
  const [first, second] = Object.keys(settings) as [string, string];
  const isBoth = settings[first] !== undefined;
  if (isBoth !== (settings[second] !== undefined)) return;
  const message = isBoth ? `only one of ${first} and ${second}` : wanted;
  context.addIssue({code: 'custom', path: [isBoth ? second : first], message});
}
