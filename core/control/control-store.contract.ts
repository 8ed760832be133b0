import {describe, expect, test} from 'vitest';
import {
  type ControlStore,
  endedCommandsMax,
  type RecordRange,
  type StoredAgent,
  type StoredCommand,
} from './control-store.ts';

/** What every store of a controller does. `open` gives an empty one. */
export function controlStoreContract(
  name: string,
  open: () => Promise<{store: ControlStore; dispose(): unknown}>,
): void {
  describe(`${name} as the store of a controller`, () => {
    const tried = (title: string, body: (store: ControlStore) => Promise<void>) =>
      test(title, async () => {
        const {store, dispose} = await open();
        try {
          await body(store);
        } finally {
          await store.close();
          await dispose();
        }
      });

    tried('keeps agents by name', async store => {
      await store.write(txn => {
        txn.putAgent(agent('b', 1));
        txn.putAgent(agent('a', 2));
        txn.putAgent(agent('b', 3));
      });
      expect(store.read(txn => txn.agents())).toEqual([agent('a', 2), agent('b', 3)]);
      expect(store.read(txn => txn.agent('c'))).toBeUndefined();
    });

    tried('keeps records by table and key, and lists them both ways from any place', async store => {
      await store.write(txn => {
        for (const key of ['b', 'a', 'ä', 'c']) txn.putRecord('audit', key, {key, bytes: Buffer.from([0, 1])});
        txn.putRecord('apiKeys', 'b', {other: true});
        txn.putRecord('blobs', 'zz', {});
        txn.removeRecord('audit', 'c');
      });
      const keys = (range?: RecordRange) => store.read(txn => txn.records('audit', range)).map(({key}) => key);
      expect(keys()).toEqual(['a', 'b', 'ä']);
      expect(keys({after: 'a', limit: 1})).toEqual(['b']);
      expect(keys({isBackwards: true})).toEqual(['ä', 'b', 'a']);
      expect(keys({isBackwards: true, after: 'ä', limit: 5})).toEqual(['b', 'a']);
      expect(keys({after: 'ä'})).toEqual([]);
      expect(store.read(txn => txn.records('identities', {isBackwards: true}))).toEqual([]);
      const found = store.read(txn => txn.record<{key: string; bytes: Buffer}>('audit', 'b'));
      expect([found?.key, [...(found?.bytes ?? [])]]).toEqual(['b', [0, 1]]);
      expect(store.read(txn => [txn.record('audit', 'c'), txn.record('apiKeys', 'a')])).toEqual([undefined, undefined]);
    });

    tried('tells open commands of one agent and of all, oldest first', async store => {
      await store.write(txn => {
        for (const [name, id] of [
          ['a', 'z'],
          ['ab', 'y'],
          ['a', 'x'],
        ] as const)
          txn.putCommand(command(name, id, txn.nextNumber()));
      });
      const ids = (name?: string) => store.read(txn => txn.openCommands(name)).map(({id}) => id);
      expect([ids('a'), ids('ab'), ids(), ids('none')]).toEqual([['z', 'x'], ['y'], ['z', 'y', 'x'], []]);
    });

    tried('keeps an ended command, as it was said last, and not among the open ones', async store => {
      await store.write(txn => txn.putCommand(command('a', 'x', 0)));
      await store.write(txn => txn.putCommand({...command('a', 'x', 0), state: 'expired'}));
      await store.write(txn => txn.putCommand({...command('a', 'x', 0), state: 'done', message: 'did it'}));
      expect(store.read(txn => txn.openCommands())).toEqual([]);
      expect(store.read(txn => txn.command('a', 'x'))).toMatchObject({state: 'done', message: 'did it'});
    });

    tried('forgets the commands that ended first when there are too many, and never an open one', async store => {
      await store.write(txn => txn.putCommand(command('a', 'open', txn.nextNumber())));
      await store.write(txn => {
        for (let i = 0; i < endedCommandsMax + 2; i++)
          txn.putCommand({...command('a', `c${i}`, txn.nextNumber()), state: 'done'});
      });
      const states = store.read(txn => ['c0', 'c1', 'c2', 'open'].map(id => txn.command('a', id)?.state));
      expect(states).toEqual([undefined, undefined, 'done', 'queued']);
    });

    tried('a body that throws leaves nothing behind', async store => {
      const failing = store.write(txn => {
        txn.putAgent(agent('a', 1));
        txn.nextNumber();
        throw new Error('no');
      });
      const number = store.write(txn => txn.nextNumber());
      await expect(failing).rejects.toThrow('no');
      expect(await number).toBe(0);
      expect(store.read(txn => txn.agents())).toEqual([]);
    });
  });
}

function agent(id: string, sequence: number): StoredAgent {
  return {
    id,
    kind: 'agent',
    instance: 'i',
    sequence,
    shell: {pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host: 'h'},
    config: {state: 'running'},
    parts: [],
    views: undefined,
    seenAt: 1,
    onlineSince: 1,
    timeoutMs: 1,
    key: 'k',
  };
}

function command(name: string, id: string, number: number): StoredCommand {
  return {
    agent: name,
    id,
    number,
    part: 'payload-p',
    command: 'restart',
    arguments: undefined,
    data: undefined,
    state: 'queued',
    orderedBy: 'k',
    orderedAt: 1,
    deadlineAt: 2,
    sentTo: undefined,
    sentAt: 0,
    endedAt: 0,
    message: undefined,
  };
}
