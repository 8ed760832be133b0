// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {hash} from 'node:crypto';
import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {goodCredentials, goodSite} from '../../test/lib/site-files.ts';
import {canonicalBytes} from '../manifest/canonical.ts';
import {type Composed, composeLenient, composeStrict} from './compose.ts';
import {agentConfig, fusionConfig, type NodeIdentities} from './node-config.ts';
import {plainText} from './secret-references.ts';
import type {Site} from './site.ts';
import {readSiteFile} from './site-file.ts';

const parts = {credentials: new Set(Object.keys(goodCredentials)), read: readSiteFile};
const identities: NodeIdentities = {
  tokensOf: id => (id === 'node-b' ? [] : [hash('sha256', `token of ${id}`)]),
  apiKeys: () => [{name: 'made', role: 'reader', views: ['archive', 'gone'], sha256: '1'.repeat(64)}],
};
const secret = (text: string) => plainText(text, name => goodCredentials[name]!);

const changed = (files: Record<string, string | null>) =>
  new Map(Object.entries({...goodSite, ...files}).filter((entry): entry is [string, string] => entry[1] !== null));
const inForce = changed({});
const strictly = (files: Record<string, string | null>) => composeStrict(changed(files), parts);
const leniently = (files: Record<string, string | null>, before = inForce) =>
  composeLenient(changed(files), before, parts);
const edited = (path: string, from: string, to: string) => ({[path]: goodSite[path]!.replace(from, to)});

describe('a good site', () => {
  const {site} = strictly({});

  test('says for an agent only what that agent needs', () => {
    expect(agentConfig(site, 'node-b')).toEqual({
      agent: {},
      sources: {old: {path: '/mnt/${env:OLD}'}},
      senders: {west: {url: 'http://west:8102', key: '${secret:west-key}'}},
      pipes: {archive: {source: 'old', sender: 'west', view: 'archive'}},
    });
    expect(Object.keys(agentConfig(site, 'node-a').pipes as object)).toEqual(['research', 'archive']);
  });

  test('lets the file of an agent name what the site defines', () => {
    expect(agentConfig(site, 'node-c')).toEqual({
      agent: {},
      sources: {mine: {path: '/data'}},
      senders: {east: {url: 'http://east:8102'}},
      pipes: {own: {source: 'mine', sender: 'east', view: 'research', audit_interval: '1h'}},
    });
  });

  test('says for a fusion its views, and the keys that open one of them, by hash', () => {
    const config = fusionConfig(site, 'east', {identities, secret});
    expect(config.fusion).toEqual({gateways: 1});
    expect(config.views).toEqual({research: {session_timeout: '5s'}});
    const ofAgent = (id: string) => {
      const sha256 = hash('sha256', `token of ${id}`);
      return {name: `agent.${id}.${sha256.slice(0, 8)}`, role: 'agent', views: ['research'], sha256};
    };
    expect(config.keys).toEqual([
      ofAgent('node-a'),
      ofAgent('node-c'),
      {name: 'all', role: 'operator', views: '*', sha256: 'ab'.repeat(32)},
      {name: 'scripts', role: 'reader', views: ['research'], sha256: hash('sha256', 'key-of-the-scripts')},
    ]);
  });

  test('has no tokens of agents for views that they feed with a key', () => {
    const {keys} = fusionConfig(site, 'west', {identities, secret}) as {keys: {name: string; views: unknown}[]};
    expect(keys.map(({name, views}) => [name, views])).toEqual([
      ['all', '*'],
      ['made', ['archive']],
    ]);
  });
});

describe('a strict offer', () => {
  test.each([
    ['site/views.yaml', 'fusion: east', 'fusion: eats', 'views.yaml:4:39  views.research.fusion: no such fusion'],
    [
      'site/views.yaml',
      'fusion: east, ',
      '',
      'views.yaml:4:3  views.research.fusion: missing; wanted one of east, west',
    ],
    [
      'site/views.yaml',
      'datastore: lab',
      'datastore: x',
      'views.research.datastore: no such datastore; found "x"; wanted lab',
    ],
    ['site/views.yaml', '5s', '5', 'views.research.session_timeout: wrong value'],
    ['site/views.yaml', 'research:', 'other:', 'pipes.yaml:8:48  pipes.research.view: no such view'],
    ['site/pipes.yaml', 'source: lab', 'source: lob', 'pipes.research.source: no such source; found "lob"; wanted lab'],
    ['site/pipes.yaml', 'sender: east', 'sender: x', 'pipes.research.sender: no such sender'],
    [
      'site/pipes.yaml',
      'sender: east',
      'sender: west',
      'the sender goes to the fusion west, and east serves this view',
    ],
    ['site/pipes.yaml', '[archive]', '[archive, x]', 'agents.node-b.pipes[1]: no such pipe; found "x"'],
    ['site/pipes.yaml', 'west-key', 'east-key', 'senders.west.key: there is no credential east-key'],
    ['site/pipes.yaml', '${secret', '${secrets', 'a "${" that begins none of'],
    ['site/pipes.yaml', 'fusion: east', 'fusion: east, url: "http://east"', 'wanted only one of url and fusion'],
    ['site/pipes.yaml', 'fusion: east', 'key: abcdefgh', 'senders.east.url: missing; wanted an address'],
    ['site/pipes.yaml', 'node-b', 'node-c', 'agents/node-c.yaml:1:14  agent.id: defined in site/pipes.yaml already'],
    [
      'site/pipes.yaml',
      'sender: west, view: archive',
      'sender: east, view: research',
      'another pipe sends to this view',
    ],
    ['site/keys.yaml', '[research]', '[research, x]', 'keys.scripts.views[1]: no such view'],
    ['site/keys.yaml', 'user: ada', 'user: bob', 'keys.scripts.user: no such user'],
    ['site/keys.yaml', 'role: reader', 'role: admin', 'keys.scripts.role: the user ada has only the role operator'],
    ['site/keys.yaml', '${secret:scripts}', '${env:SCRIPTS}', 'keys.scripts.key: the controller must know it'],
    ['site/keys.yaml', 'sha256: ', 'key: "${secret:scripts}" } #', 'keys.all.key: another entry has the same key'],
    ['site/keys.yaml', 'keys:', 'kays:', 'kays: unknown setting; wanted keys'],
    [
      'agents/node-c.yaml',
      'source: mine',
      'source: nine',
      'pipes.own.source: no such source; found "nine"; wanted mine',
    ],
    ['agents/node-c.yaml', 'pipes:', 'views: {}\npipes:', 'views: unknown setting'],
    ['agents/node-c.yaml', 'agent: {', 'agent: ', 'agents/node-c.yaml:1:'],
  ])('with a mistake in %s (%s → %s) is refused', (path, from, to, message) => {
    expect(() => strictly(edited(path, from, to))).toThrow(
      expect.objectContaining({code: 'CONFIG_INVALID', message: expect.stringContaining(message)}),
    );
  });

  test('tells all mistakes of all files', () => {
    const two = {...edited('site/views.yaml', '5s', '5'), ...edited('agents/node-c.yaml', '/data }', '/data, x: 1 }')};
    expect(() => strictly({...two, 'site/x.yaml': 'a: ['})).toThrow(
      /^The desired state has 3 mistakes:\n.*node-c.yaml:2:.*\n.*views.yaml:4:.*\n.*x.yaml:1/,
    );
  });

  test('tells mistakes of the file itself and of what it names together', () => {
    const text = goodSite['agents/node-c.yaml']!.replace('path:', 'pth:').replace('east', 'eats').replace('1h', '1');
    expect(() => strictly({'agents/node-c.yaml': text})).toThrow(
      /4 mistakes:\n.*path: missing.*\n.*pth: unknown.*\n.*sender: no such sender.*\n.*audit_interval: wrong value/,
    );
  });

  test('shows no key', () => {
    const files = edited('site/pipes.yaml', '"${secret:west-key}"', '"hidden key"');
    expect(() => strictly(files)).toThrow(expect.not.objectContaining({message: expect.stringContaining('hidden')}));
  });

  test.each(['../x.yaml', '/x.yaml', 'a/../b.yaml', 'x.json', '.git/x.yaml', 'a//b.yaml'])('has no file %s', path => {
    expect(() => strictly({[path]: 'views: {}'})).toThrow('plain path');
  });

  test('has files', () => {
    expect(() => composeStrict(new Map(), parts)).toThrow('no files');
  });
});

describe('a lenient offer', () => {
  const isAsBefore = ({files}: Composed, path: string) => files.get(path) === goodSite[path];

  test('keeps the last good text of a file with a mistake, and takes the others', () => {
    const composed = leniently({
      ...edited('site/views.yaml', '5s', '5'),
      ...edited('site/pipes.yaml', '/mnt/lab', '/new'),
    });
    expect(isAsBefore(composed, 'site/views.yaml')).toBe(true);
    expect(agentConfig(composed.site, 'node-a').sources).toMatchObject({lab: {path: '/new'}});
    expect(composed.problems).toEqual([
      {file: 'site/views.yaml', message: expect.stringContaining('site/views.yaml:4:')},
    ]);
  });

  test('leaves out what never was good', () => {
    const composed = leniently({'agents/node-d.yaml': 'agent: { id: node-d'});
    expect([...composed.files.keys()]).toEqual([...inForce.keys()].sort());
    expect(composed.problems).toMatchObject([{file: 'agents/node-d.yaml'}]);
  });

  test('does not use a file that needs one that is not used', () => {
    const composed = leniently({
      ...edited('site/views.yaml', 'archive: {', 'new: { fusion: west, x: 1 }\n  archive: {'),
      ...edited('site/pipes.yaml', 'view: archive', 'view: new'),
      ...edited('site/fusions.yaml', 'gateways: 1', 'gateways: 3'),
    });
    expect(composed.problems.map(({file}) => file)).toEqual(['site/views.yaml', 'site/pipes.yaml']);
    expect(isAsBefore(composed, 'site/fusions.yaml')).toBe(false);
  });

  test('undoes the one change that takes away what files of the site need', () => {
    const composed = leniently({
      ...edited('site/views.yaml', '  archive: { fusion: west }\n', ''),
      ...edited('site/fusions.yaml', 'gateways: 1', 'gateways: 3'),
    });
    expect(composed.problems).toEqual([
      {file: 'site/views.yaml', message: expect.stringContaining('pipes.archive.view: no such view')},
    ]);
    expect(isAsBefore(composed, 'site/fusions.yaml')).toBe(false);
    const removed = leniently({'site/views.yaml': null});
    expect(isAsBefore(removed, 'site/views.yaml')).toBe(true);
  });

  test('is not held up by an agent that names what is gone', () => {
    const composed = leniently({
      ...edited('site/pipes.yaml', 'east: { fusion', 'est: { fusion'),
      'site/pipes.yaml': goodSite['site/pipes.yaml']!.replaceAll('east: {', 'est: {').replaceAll(
        'sender: east',
        'sender: est',
      ),
    });
    expect(isAsBefore(composed, 'site/pipes.yaml')).toBe(false);
    expect(composed.problems).toMatchObject([{file: 'agents/node-c.yaml'}]);
    expect(() => agentConfig(composed.site, 'node-c')).toThrow('There is no sender east.');
  });

  test('lets nobody take a name that is in force', () => {
    const composed = leniently({'agents/a-thief.yaml': goodSite['agents/node-c.yaml']!.replace('/data', '/stolen')});
    expect(composed.problems).toMatchObject([{file: 'agents/a-thief.yaml'}]);
    expect(agentConfig(composed.site, 'node-c').sources).toEqual({mine: {path: '/data'}});
  });

  test('is refused when nothing of it is good, or it has no files', () => {
    const refused = expect.objectContaining({code: 'CONFIG_INVALID', message: expect.stringContaining('x.yaml:1:')});
    expect(() => composeLenient(new Map([['x.yaml', 'a: [']]), inForce, parts)).toThrow(refused);
    expect(() => composeLenient(new Map(), inForce, parts)).toThrow('no files');
  });

  const broken = fc.oneof(
    fc.string(),
    fc.constantFrom(...Object.values(goodSite)).chain(text =>
      fc.tuple(fc.nat(text.length), fc.nat(20), fc.string({maxLength: 10})).map(([at, length, other]) => {
        return text.slice(0, at) + other + text.slice(at + length);
      }),
    ),
    fc.constantFrom(...Object.values(goodSite)),
    fc.constantFrom('sources: { lab: { path: /stolen } }', 'fusions: { third: { url: "http://third" } }', 'agents:'),
  );

  test('whatever file is added, the manifests of those who were there stay the same', () => {
    const before = manifests(strictly({}).site);
    fc.assert(
      fc.property(fc.constantFrom('0.yaml', 'agents/x.yaml', 'z.yml'), broken, (path, text) => {
        const now = manifests(leniently({[path]: text}).site);
        for (const [node, bytes] of Object.entries(before)) {
          // A new agent, key or view may come to a fusion; what was there stays.
          if (node.startsWith('agent ')) expect(now[node]).toBe(bytes);
          else expect(now[node]).toBeDefined();
        }
      }),
      {numRuns: 400},
    );
  });

  test('whatever becomes of the file of an agent, nobody else notices', () => {
    const before = manifests(strictly({}).site);
    fc.assert(
      fc.property(broken, text => {
        fc.pre(!/^(sources|senders|fusions|views|agents|pipes|keys|users|datastores)/m.test(text));
        const now = manifests(leniently({'agents/node-c.yaml': text}).site);
        for (const node of ['agent node-a', 'agent node-b', 'fusion west']) expect(now[node]).toBe(before[node]);
      }),
      {numRuns: 200},
    );
  });
});

function manifests(site: Site): Record<string, string> {
  const text = (config: object) => Buffer.from(canonicalBytes(config)).toString();
  const agents = [...site.agents.keys()].map(id => [`agent ${id}`, text(agentConfig(site, id))]);
  const fusions = [...site.fusions.keys()].map(id => [
    `fusion ${id}`,
    text(fusionConfig(site, id, {identities, secret})),
  ]);
  return Object.fromEntries([...agents, ...fusions]);
}
