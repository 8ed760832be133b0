// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {beforeEach, describe, expect, test} from 'vitest';
import {testSealing as sealing} from '../../test/lib/identity-parts.ts';
import {ManualClock, settled} from '../../test/lib/manual-clock.ts';
import {openMemoryControl} from '../../test/lib/memory-control.ts';
import {MemoryIdentities} from '../../test/lib/memory-identities.ts';
import {goodSite} from '../../test/lib/site-files.ts';
import {parsePipes} from '../config/parse-pipes.ts';
import type {Log} from '../log/log.ts';
import {decodeManifest} from '../manifest/manifest.ts';
import {trustedKey} from '../manifest/signature.ts';
import {composeAgain} from '../site/compose.ts';
import {readSiteFile} from '../site/site-file.ts';
import {ConfigAuthority} from './config-authority.ts';
import type {ControlStore} from './control-store.ts';
import type {Offer} from './desired-state.ts';
import {Manifests, type NodeRef} from './manifests.ts';
import {addRevision} from './revisions.ts';
import {openSigningKey} from './signing-key-record.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const never = new AbortController().signal;

let clock: ManualClock;
let store: ControlStore;
let identities: MemoryIdentities;
let manifests: Manifests;
let authority: ConfigAuthority;
let hasGit: boolean;
beforeEach(async () => {
  clock = new ManualClock();
  store = openMemoryControl();
  identities = new MemoryIdentities();
  hasGit = false;
  await restart();
});

/** As after `kill -9`: only the store is left. */
async function restart(): Promise<void> {
  const key = await openSigningKey(store, sealing);
  manifests = new Manifests({store, sealing, key, identities, clock});
  authority = new ConfigAuthority({store, sealing, manifests, identities, clock, log, hasGit});
  await authority.refresh();
}

type Files = Record<string, string | null>;
const filesOf = (files: Files) =>
  new Map(Object.entries({...goodSite, ...files}).filter((one): one is [string, string] => one[1] !== null));
function offer(files: Files = {}, more: Partial<Offer> = {}) {
  const isGit = more.origin === 'git';
  const how = {origin: 'api' as const, author: 'ada', message: 'why', isStrict: !isGit};
  return authority.offer({...how, ...more, files: filesOf(files)});
}
const git = (files: Files = {}, commit = 'c1') => offer(files, {origin: 'git', commit});
const edited = (path: string, from: string, to: string) => ({[path]: goodSite[path]!.replace(from, to)});
const newRoot = edited('agents/node-c.yaml', 'path: /data', 'path: /new');

const node = (name: string): NodeRef => {
  const [kind, id] = name.split(' ');
  return {kind: kind as NodeRef['kind'], id: id!};
};
const all = ['agent node-a', 'agent node-b', 'agent node-c', 'fusion east', 'fusion west'];
const signatures = () => Object.fromEntries(all.map(name => [name, manifests.get(node(name))?.signature]));
async function configOf(name: string): Promise<Record<string, unknown>> {
  const {publicKey} = await openSigningKey(store, sealing);
  return decodeManifest(manifests.get(node(name))!, {trusted: [trustedKey(publicKey)], ...node(name)}).config;
}
const changedBy = async (offered: Promise<{changed: NodeRef[]}>) =>
  (await offered).changed.map(({kind, id}) => `${kind} ${id}`).sort();

describe('a revision', () => {
  test('gives every node its manifest, signed, with its secrets in it', async () => {
    expect(await offer()).toMatchObject({revision: 1, isNew: true, problems: []});
    expect((await configOf('agent node-b')).senders).toMatchObject({west: {key: 'key-for-the-$${west}'}});
    expect(manifests.get(node('agent node-b'))?.shown.senders).toMatchObject({west: {key: '${secret:west-key}'}});
    expect(JSON.stringify(await configOf('agent node-c'))).not.toContain('west');
  });

  test('is taken by the agents, with the secrets as they were meant', async () => {
    await offer();
    const secrets = {resolveEnv: (name: string) => `value of ${name}`, readSecretFile: () => ''};
    const read = (name: string) => {
      const {config} = JSON.parse(Buffer.from(manifests.get(node(name))!.bytes).toString());
      return parsePipes([{file: 'manifest', text: JSON.stringify(config)}], secrets, {id: 'x', data: './data'});
    };
    for (const name of ['agent node-a', 'agent node-b', 'agent node-c']) {
      expect(read(name)).toMatchObject({isComplete: true, mistakes: []});
      for (const pipe of read(name).pipes) expect(pipe).not.toHaveProperty('mistake');
    }
    expect(read('agent node-b').pipes).toMatchObject([
      {source: {path: '/mnt/value of OLD'}, sender: {key: 'key-for-the-${west}', url: 'http://west:8102'}},
    ]);
  });

  test('changes the manifests of those whom it concerns, and no byte of the others', async () => {
    expect(await changedBy(offer())).toEqual(all);
    const before = signatures();
    expect(await changedBy(offer(newRoot))).toEqual(['agent node-c']);
    expect(signatures()).toEqual({...before, 'agent node-c': expect.not.stringMatching(before['agent node-c']!)});
    await restart();
    expect(signatures()['agent node-a']).toBe(before['agent node-a']);
  });

  test('is none when the files are the same', async () => {
    await offer();
    expect(await offer()).toEqual({revision: 1, isNew: false, problems: [], changed: [], diff: ''});
    expect(authority.revisions({limit: 10})).toMatchObject([
      {number: 1, author: 'ada', message: 'why', at: clock.now()},
    ]);
  });

  test('with a mistake is none', async () => {
    await offer();
    await expect(offer({'x.yaml': 'a: ['})).rejects.toMatchObject({code: 'CONFIG_INVALID'});
    expect(authority.current().revision).toBe(1);
  });

  test('made from another one than that in force is a conflict that shows what came between', async () => {
    await offer();
    await offer(newRoot, {author: 'bob'});
    await expect(offer({}, {expectedRevision: 1})).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
      details: {revision: 2, author: 'bob', diff: expect.stringContaining('+sources: { mine: { path: /new } }')},
    });
    await expect(offer({}, {expectedRevision: 7})).rejects.toMatchObject({details: {diff: ''}});
    expect(await offer({}, {expectedRevision: 2})).toMatchObject({revision: 3});
  });

  test('of two that are offered at once only one is made from what was there', async () => {
    const outcomes = await Promise.allSettled([
      offer({}, {expectedRevision: 0}),
      offer(newRoot, {expectedRevision: 0}),
    ]);
    expect(outcomes.map(({status}) => status)).toEqual(['fulfilled', 'rejected']);
  });

  test('can be looked at before it is made', async () => {
    await offer();
    const considered = authority.consider({
      ...{files: filesOf(newRoot), origin: 'api', author: 'a', message: '', isStrict: true},
    });
    expect(considered).toMatchObject({
      isNew: true,
      changed: [node('agent node-c')],
      diff: expect.stringContaining('/new'),
    });
    expect(authority.current().revision).toBe(1);
    expect(signatures()['agent node-c']).toBe(manifests.get(node('agent node-c'))?.signature);
  });
});

describe('Git', () => {
  test('has a file with a mistake stay as it was, and shows the reason', async () => {
    await git();
    const outcome = await git({...newRoot, 'site/views.yaml': 'views: ['}, 'c2');
    expect(outcome).toMatchObject({
      revision: 2,
      problems: [{file: 'site/views.yaml'}],
      changed: [node('agent node-c')],
    });
    expect(authority.status()).toMatchObject({problems: [{file: 'site/views.yaml'}], revision: {commit: 'c2'}});
    expect(authority.current().files.get('site/views.yaml')).toBe(goodSite['site/views.yaml']);
  });

  test('a node whose manifest cannot be made keeps the one that it has', async () => {
    await git();
    const before = signatures();
    const withoutEast = goodSite['site/pipes.yaml']!.replaceAll('east: {', 'est: {').replace(
      'sender: east',
      'sender: est',
    );
    await git({'site/pipes.yaml': withoutEast}, 'c2');
    expect(signatures()['agent node-c']).toBe(before['agent node-c']);
    expect(manifests.get(node('agent node-c'))?.problem?.reason).toContain('pipes.own.sender: no such sender');
    await restart();
    expect(signatures()['agent node-c']).toBe(before['agent node-c']);
    await git({}, 'c3');
    expect(manifests.get(node('agent node-c'))).toMatchObject({signature: before['agent node-c'], problem: undefined});
  });

  test('a node whose file does not count for a mistake keeps its manifest; one that was taken out does not', async () => {
    await git();
    const {site} = composeAgain(filesOf({'agents/node-c.yaml': null}), readSiteFile);
    const planned = (file: string) =>
      manifests.plan(site, {revision: 2, problems: [{file, message: `${file}:1:1  a mistake`}]});
    expect(planned('agents/node-c.yaml')).toMatchObject({
      put: [{id: 'node-c', problem: {reason: 'agents/node-c.yaml:1:1  a mistake', since: clock.now()}}],
      ...{remove: [], changed: []},
    });
    expect(planned('agents/node-d.yaml')).toMatchObject({put: [], remove: [{id: 'node-c'}], changed: [{id: 'node-c'}]});
    identities.revoked.add('agent node-c');
    expect(planned('agents/node-c.yaml')).toMatchObject({put: [], remove: [{id: 'node-c'}]});
  });

  test('is the only authority where there is one', async () => {
    hasGit = true;
    await restart();
    await git();
    for (const origin of ['api', 'seed'] as const)
      await expect(offer(newRoot, {origin})).rejects.toMatchObject({code: 'NOT_THE_AUTHORITY'});
  });
});

describe('a rollback', () => {
  test('brings earlier files back under a new number, and what Git says later waits for the release', async () => {
    hasGit = true;
    await restart();
    await git();
    const first = signatures();
    await git(newRoot, 'c2');
    expect(await authority.rollback({to: 1, author: 'ada', message: 'it is broken'})).toMatchObject({
      ...{revision: 3, isNew: true, changed: [node('agent node-c')]},
    });
    expect(signatures()).toEqual(first);
    expect(authority.pin()).toEqual({revision: 3, by: 'ada', at: clock.now()});

    const third = edited('agents/node-c.yaml', 'path: /data', 'path: /third');
    expect(await git(newRoot, 'c2')).toMatchObject({revision: 3, isNew: false, changed: []});
    expect(authority.revisions({limit: 1})).toMatchObject([{number: 3, message: 'Back to revision 1: it is broken'}]);
    expect(await git(third, 'c3')).toMatchObject({revision: 3, isNew: false, changed: []});
    await restart();
    expect(await git(third, 'c3')).toMatchObject({revision: 3, isNew: false});
    expect(signatures()).toEqual(first);

    expect(await authority.release('bob')).toMatchObject({revision: 4, isNew: true, changed: [node('agent node-c')]});
    expect(authority.pin()).toBeUndefined();
    expect((await configOf('agent node-c')).sources).toEqual({mine: {path: '/third'}});
    expect(await git(third, 'c3')).toMatchObject({revision: 4, isNew: false});
  });

  test('of what came by the API keeps others out until it is released, and stays afterwards', async () => {
    await offer();
    await offer(newRoot);
    await authority.rollback({to: 1, author: 'ada'});
    await expect(offer(newRoot)).rejects.toMatchObject({code: 'NOT_THE_AUTHORITY'});
    expect(await authority.release('ada')).toMatchObject({revision: 3, isNew: false, changed: []});
    expect(await offer(newRoot)).toMatchObject({revision: 4, isNew: true});
  });

  test('to what is in force only pins; a second one pins another', async () => {
    await offer();
    await offer(newRoot);
    expect(await authority.rollback({to: 2, author: 'ada'})).toMatchObject({revision: 2, isNew: false, changed: []});
    expect(await authority.rollback({to: 1, author: 'bob'})).toMatchObject({revision: 3, isNew: true});
    expect(authority.pin()).toMatchObject({revision: 3, by: 'bob'});
    await expect(authority.rollback({to: 9, author: 'bob'})).rejects.toMatchObject({code: 'NOT_FOUND'});
  });

  test('to files whose credential is gone leaves the node that needs it as it is', async () => {
    await offer();
    await offer(edited('site/pipes.yaml', ', key: "${secret:west-key}"', ''));
    const before = signatures();
    identities.credentials.delete('west-key');
    expect(await authority.rollback({to: 1, author: 'ada'})).toMatchObject({
      isNew: true,
      problems: [{message: expect.stringContaining('agent node-a stays as it was')}, {file: 'site/pipes.yaml'}],
    });
    expect(signatures()).toMatchObject({
      'agent node-a': before['agent node-a'],
      'agent node-b': before['agent node-b'],
    });
  });
});

describe('tokens, keys and credentials', () => {
  test('come to the fusions and agents that need them, when they are told of it', async () => {
    await offer();
    const before = signatures();
    identities.tokens.set('node-c', 'its token');
    await authority.refresh();
    expect(signatures()).toEqual({...before, 'fusion east': expect.not.stringMatching(before['fusion east']!)});
    identities.credentials.set('west-key', 'another-key');
    await authority.refresh();
    expect((await configOf('agent node-a')).senders).toMatchObject({west: {key: 'another-key'}});
    identities.tokens.delete('node-c');
    await authority.refresh();
    expect(signatures()['fusion east']).toBe(before['fusion east']);
  });

  test('a node that is revoked has no manifest; nor has one that was removed', async () => {
    await offer();
    identities.revoked.add('agent node-b');
    await authority.refresh();
    await offer({'agents/node-c.yaml': null});
    expect(all.filter(name => manifests.get(node(name)))).toEqual(['agent node-a', 'fusion east', 'fusion west']);
    await restart();
    expect(manifests.all()).toHaveLength(3);
  });

  test('the store has no secret in the clear', async () => {
    await offer({'site/more.yaml': 'senders: { plain: { url: "http://x", key: a-plain-secret } }'});
    const tables = (['desired', 'blobs', 'revisions', 'authority'] as const).map(table =>
      JSON.stringify(
        store.read(txn => txn.records(table)),
        (_, value) => (value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value),
      ),
    );
    for (const secret of ['a-plain-secret', 'key-for-the', 'key-of-the-scripts'])
      expect(tables.join()).not.toContain(secret);
  });

  test('who uses a credential is known', async () => {
    await offer();
    expect([authority.usersOf('west-key'), authority.usersOf('other')]).toEqual([['site/pipes.yaml'], []]);
  });
});

describe('who waits for a manifest', () => {
  const pull = (name: string, current: string | undefined, signal = never) =>
    manifests.pull(node(name), {current, waitMs: 30_000, signal}).then(manifest => manifest?.signature);

  test('hears of another one at once, and of nothing that concerns others', async () => {
    await offer();
    const before = signatures();
    const [mine, other] = [pull('agent node-c', before['agent node-c']), pull('agent node-a', before['agent node-a'])];
    await settled();
    await offer(newRoot);
    expect(await mine).toBe(signatures()['agent node-c']);
    await clock.pass(29_999);
    let isOver = false;
    void other.then(() => {
      isOver = true;
    });
    await settled();
    expect(isOver).toBe(false);
    await clock.pass(1);
    expect(await other).toBe(before['agent node-a']);
  });

  test('is answered at once when it has another one, and when nobody may wait any longer', async () => {
    await offer();
    expect(await pull('agent node-c', 'another')).toBe(signatures()['agent node-c']);
    expect(await pull('agent node-c', undefined)).toBe(signatures()['agent node-c']);
    const leaving = new AbortController();
    const held = pull('agent node-c', signatures()['agent node-c'], leaving.signal);
    leaving.abort();
    expect(await held).toBe(signatures()['agent node-c']);
  });

  test('hears of its first one, and that it has none any more', async () => {
    const first = pull('agent node-c', undefined);
    await settled();
    await offer();
    expect(await first).toBe(signatures()['agent node-c']);
    const last = pull('agent node-c', await first);
    await settled();
    await offer({'agents/node-c.yaml': null});
    expect(await last).toBeUndefined();
  });
});

test('a program that does not understand a file of another one takes nothing from anybody but who is revoked', async () => {
  await offer();
  const before = signatures();
  const views = `${goodSite['site/views.yaml']}shards: 3\n`;
  await store.write(txn => {
    const facts = {at: 0, author: 'ada', message: '', origin: 'api' as const, commit: undefined};
    addRevision(txn, {...facts, files: filesOf({'site/views.yaml': views})}, {sealing, neededFrom: 1});
    txn.putRecord('desired', 'state', {inForce: 2, head: 2, pin: undefined, problems: []});
  });
  await restart();
  expect(signatures()).toEqual(before);
  expect(manifests.get(node('fusion east'))?.problem?.reason).toContain('shards');
  identities.revoked.add('agent node-b');
  await authority.refresh();
  expect(signatures()).toEqual({...before, 'agent node-b': undefined});
  identities.revoked.clear();
  await offer();
  expect(signatures()).toEqual(before);
  expect(manifests.get(node('fusion east'))?.problem).toBeUndefined();
});
