import {expect, test} from 'vitest';
import {ClonedIdentities} from './clones.ts';

function heard(turns: string, {everyMs = 1_000} = {}) {
  const clones = new ClonedIdentities();
  let at = 0;
  for (const instance of turns) {
    clones.hear({
      kind: 'agent',
      id: 'node-a',
      instance,
      host: `host-${instance}`,
      machineId: `machine-${instance}`,
      at,
    });
    at += everyMs;
  }
  return {clones, now: at};
}

test.each([
  ['one that goes on', 'AAAAAAAA'],
  ['one that starts again and again', 'AABBCCDDEEFF'],
  ['one that moves to another host', 'AAAAABBBBB'],
  ['one whose last words before a restart come late', 'AAABABBBB'],
])('%s is no clone', (_, turns) => {
  const {clones, now} = heard(turns);
  expect(clones.clones(now)).toEqual([]);
});

test('two hosts with one identity are found, with both hosts and since when', () => {
  const {clones, now} = heard('AAABABAB');
  const place = (name: string) => ({host: `host-${name}`, machineId: `machine-${name}`, instance: name});
  expect(clones.clones(now)).toEqual([
    {kind: 'agent', id: 'node-a', places: [place('A'), place('B')], since: 4_000, seenAt: 7_000},
  ]);
});

test('two with the same name of the host, as copied machines have it, are found, too', () => {
  const clones = new ClonedIdentities();
  for (const [at, instance] of [...'ABABAB'].entries()) {
    clones.hear({kind: 'agent', id: 'node-a', instance, host: 'same', machineId: 'same', at});
  }
  expect(clones.clones(10)).toMatchObject([{id: 'node-a', places: [{instance: 'A'}, {instance: 'B'}]}]);
});

test('it is over when one of them is silent, and begins anew when it comes back', () => {
  const {clones, now} = heard('ABABABAAAA');
  expect(clones.clones(now)).toHaveLength(1);
  expect(clones.clones(now + 300_000)).toEqual([]);
  clones.hear({kind: 'agent', id: 'node-a', instance: 'B', host: 'h', machineId: undefined, at: now + 400_000});
  expect(clones.clones(now + 400_000)).toEqual([]);
});

test('each identity is judged for itself', () => {
  const clones = new ClonedIdentities();
  for (const [at, instance] of [...'ABABAB'].entries()) {
    clones.hear({kind: 'agent', id: `node-${instance}`, instance, host: 'h', machineId: undefined, at});
  }
  expect(clones.clones(10)).toEqual([]);
});
