import {hash} from 'node:crypto';
import {expect, test} from 'vitest';
import {KeyIndex} from '../../core/identity/key-index.ts';
import {demandNode, hashKeys, KeyRing} from './keys.ts';

const [one, two] = hashKeys(
  ['one', 'two'].map(name => ({name, role: 'reader' as const, key: `key-of-${name}`, views: '*' as const})),
) as [ReturnType<typeof hashKeys>[number], ReturnType<typeof hashKeys>[number]];
const bearer = (key: string) => ({authorization: `Bearer ${key}`, apiKey: undefined});

test('a key of the configuration goes on while it stays, and is over at once when it is gone', () => {
  const ring = new KeyRing([one, two]);
  const [first, second] = [ring.authenticate(bearer('key-of-one')), ring.authenticate(bearer('key-of-two'))];
  ring.replace([{...one}]);
  expect([first.revoked.aborted, second.revoked.aborted]).toEqual([false, true]);
  expect(() => ring.authenticate(bearer('key-of-two'))).toThrow('not known here');
  expect(ring.authenticate(bearer('key-of-one')).key.name).toBe('one');
});

test('a key that is made another one by the configuration begins anew', () => {
  const ring = new KeyRing([one]);
  const {revoked} = ring.authenticate(bearer('key-of-one'));
  ring.replace([{...one, role: 'agent'}]);
  expect(revoked.aborted).toBe(true);
  expect(ring.authenticate(bearer('key-of-one')).key.role).toBe('agent');
});

test('what a registry revokes is refused at once, and the configuration counts before it', () => {
  const registry = new KeyIndex();
  const ring = new KeyRing([one], [registry]);
  registry.put({...one, name: 'impostor', role: 'reader'});
  registry.put({...two, name: 'made'});
  expect(ring.authenticate(bearer('key-of-one')).key.name).toBe('one');
  const {key, revoked} = ring.authenticate({authorization: undefined, apiKey: 'key-of-two'});
  expect(key.name).toBe('made');
  registry.remove(hash('sha256', 'key-of-two'));
  expect(revoked.aborted).toBe(true);
  expect(() => ring.authenticate(bearer('key-of-two'))).toThrow('not known here');
});

test('a token of a node speaks for this node only, any other key for all', () => {
  const name = {kind: 'agent' as const, id: 'node-a'};
  const token = {...one, role: 'agent' as const, node: name};
  expect(() => demandNode(token, name)).not.toThrow();
  expect(() => demandNode(token, {kind: 'agent', id: 'node-b'})).toThrow('cannot speak for the agent node-b');
  expect(() => demandNode(token, {kind: 'fusion', id: 'node-a'})).toThrow('cannot speak for the fusion node-a');
  expect(() => demandNode({...one, role: 'agent'}, name)).not.toThrow();
});
