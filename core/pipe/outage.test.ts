import {afterEach, expect, test} from 'vitest';
import {clock, log, path, settings, sourceOf, viewWith} from '../../test/lib/pipe-parts.ts';
import {until} from '../../test/lib/until.ts';
import {upsert} from '../../test/lib/view.ts';
import {FustorError} from '../errors/fustor-error.ts';
import {decodeBatch} from '../protocol/codec.ts';
import type {Sender} from '../sender/sender.ts';
import type {Source} from '../source/source.ts';
import {MemorySpool} from './memory-spool.ts';
import {Pipe, type PipeSettings} from './pipe.ts';
import type {Spool} from './spool.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function start(
  source: Source,
  sender: Sender,
  {spool = new MemorySpool(), ...changes}: Partial<PipeSettings & {spool: Spool}> = {},
) {
  const pipe = new Pipe({...settings, ...changes}, {source, sender, spool, clock, random: () => 0.5, log});
  const stop = new AbortController();
  const running = pipe.run(stop.signal);
  stops.push(() => {
    stop.abort();
    return running;
  });
  return pipe;
}

/** A line to a view that can be cut, and a view that can refuse batches. */
function line(sender: Sender) {
  const state = {isCut: false, refusal: undefined as FustorError | undefined, attempts: 0};
  const cut = () => {
    state.attempts++;
    if (state.isCut) throw new FustorError('UNREACHABLE', 'nobody answers');
  };
  const cuttable: Sender = {
    ...sender,
    open: async (...rest) => {
      cut();
      return sender.open(...rest);
    },
    heartbeat: async (...rest) => {
      cut();
      return sender.heartbeat(...rest);
    },
    send: async (...rest) => {
      cut();
      if (state.refusal) throw state.refusal;
      return sender.send(...rest);
    },
  };
  return {state, sender: cuttable};
}

const isIdle = (pipe: Pipe) => pipe.status().queued + pipe.status().unconfirmed === 0;

test('work is pending while the view takes it, and done grows with what it has taken', async () => {
  const source = sourceOf(1);
  let held = Promise.withResolvers<void>();
  const {view, sender} = viewWith(async (_, progress) => {
    if (view.hasSnapshot) await held.promise;
    return progress;
  });
  held.resolve();
  const pipe = start(source, sender);
  await until(() => view.hasSnapshot && isIdle(pipe), {everyMs: 1});
  const {done, pending} = pipe.status().work;
  expect([done > 0, pending]).toEqual([true, 0]);
  held = Promise.withResolvers();
  source.sink!.emit(upsert('/f'));
  source.sink!.emit(upsert('/g'));
  await until(() => pipe.status().unconfirmed > 0, {everyMs: 1});
  expect(pipe.status().work).toEqual({done, pending: 2});
  held.resolve();
  await until(() => isIdle(pipe), {everyMs: 1});
  expect(pipe.status().work).toEqual({done: done + 2, pending: 0});
});

test('nothing is pending while the view cannot be reached, and afterwards it is', async () => {
  const source = sourceOf(1);
  const {view, sender} = viewWith();
  const {state, sender: cuttable} = line(sender);
  const pipe = start(source, cuttable);
  await until(() => view.hasSnapshot && isIdle(pipe), {everyMs: 1});
  state.isCut = true;
  source.sink!.emit(upsert('/f'));
  await until(() => !pipe.status().isConnected, {everyMs: 1});
  const attempts = state.attempts;
  await until(() => state.attempts > attempts + 5, {everyMs: 1});
  expect(pipe.status()).toMatchObject({work: {pending: 0}});
  expect(isIdle(pipe)).toBe(false);
  state.isCut = false;
  await until(() => isIdle(pipe), {everyMs: 1});
  expect(view.events).toContainEqual(upsert('/f'));
});

test.for(['ENGINE_UNAVAILABLE', 'STORE_FULL', 'TOO_MANY_JOBS'] as const)(
  'nothing is pending while batches are refused with %s though heartbeats are answered',
  async code => {
    const source = sourceOf(1);
    const {view, sender} = viewWith();
    const {state, sender: refusing} = line(sender);
    const pipe = start(source, refusing, {sentinelIntervalMs: 5});
    await until(() => view.hasSnapshot && isIdle(pipe), {everyMs: 1});
    state.refusal = new FustorError(code, 'later');
    source.sink!.emit(upsert('/f'));
    await until(() => pipe.status().lastError === 'later', {everyMs: 1});
    for (let round = 0; round < 3; round++) {
      const beats = view.beats.length;
      await until(() => view.beats.length > beats + 1 && pipe.status().isConnected, {everyMs: 1});
      expect(pipe.status()).toMatchObject({isConnected: true, work: {pending: 0}});
    }
    state.refusal = undefined;
    await until(() => isIdle(pipe), {everyMs: 1});
  },
);

test('nothing is pending while the storage hangs', async () => {
  const never = new Promise<void>(() => {});
  const source = sourceOf(1, () => never);
  const {view, sender} = viewWith();
  const pipe = start(source, sender);
  await until(() => view.phases('i-1').length > 0 && isIdle(pipe), {everyMs: 1});
  expect(pipe.status()).toMatchObject({scans: [{scan: 'i-1'}], work: {pending: 0}});
});

test('what the spool cannot take is told as a gap, and read again when the view has the gap', async () => {
  const source = sourceOf(1);
  const {view, sender} = viewWith();
  const {state, sender: cuttable} = line(sender);
  const pipe = start(source, cuttable, {spool: new MemorySpool({bytesMax: 2_000}), batchEventsMax: 1_000});
  await until(() => view.hasSnapshot && isIdle(pipe), {everyMs: 1});
  source.status = () => ({isAvailable: false, reason: 'unmounted', watched: 7, known: 9, overflows: 0});
  state.isCut = true;
  for (let n = 0; n < 51_000; n++) source.sink!.emit(upsert(`/d/e/${n}`));
  expect(pipe.status()).toMatchObject({gaps: 1, spooled: 0});
  expect(pipe.status().queued).toBeLessThan(51_000);
  expect(source.scans).toEqual(['snapshot']);
  source.known.push('/d/e');
  let hlcAtScan = 0;
  const {scan} = source;
  source.scan = async request => {
    hlcAtScan = source.sink!.evidence();
    return scan(request);
  };
  state.isCut = false;
  const rescanned = () => view.phases('i-2').some(({phase}) => phase === 'scan_end');
  await until(rescanned, {everyMs: 1});
  const gap = view.events.findIndex(event => event.kind === 'phase' && event.phase === 'gap');
  expect(view.events[gap]).toMatchObject({path: '/d/e', reason: expect.stringContaining('no room left')});
  expect(view.events.filter(event => event.kind === 'phase' && event.phase === 'gap')).toHaveLength(1);
  expect(view.events).toContainEqual({kind: 'phase', phase: 'coverage', watched: 7, known: 9});
  expect(view.events).toContainEqual({kind: 'phase', phase: 'unavailable', reason: 'unmounted'});
  const begin = view.events.findIndex(event => event.kind === 'phase' && 'scan' in event && event.scan === 'i-2');
  expect(begin).toBeGreaterThan(gap);
  expect(hlcAtScan).toBeGreaterThan(100);
  expect(source.asked.at(-1)).toEqual({source: 'on_demand', path: '/d/e', isRecursive: true});
  expect(source.scans).toEqual(['snapshot', 'on_demand']);
});

test('a rescan that a follower owes is left to the leader', async () => {
  const source = sourceOf(1);
  const {view, sender} = viewWith();
  view.role = 'follower';
  view.hasSnapshot = true;
  const {state, sender: cuttable} = line(sender);
  const pipe = start(source, cuttable, {spool: new MemorySpool({bytesMax: 2_000}), batchEventsMax: 1_000});
  await until(() => source.scans.length > 0 && isIdle(pipe), {everyMs: 1});
  state.isCut = true;
  for (let n = 0; n < 51_000; n++) source.sink!.emit(upsert(`/d/${n}`));
  state.isCut = false;
  await until(() => isIdle(pipe), {everyMs: 1});
  expect(view.events.some(event => event.kind === 'phase' && event.phase === 'gap')).toBe(true);
  expect(source.scans).toEqual(['audit']);
});

test('what was observed in an outage is told with what was heard before it', async () => {
  const source = sourceOf(1);
  const {view, sender} = viewWith();
  const {state, sender: cuttable} = line(sender);
  let now = 1_000;
  const {send} = cuttable;
  const heards: unknown[] = [];
  cuttable.send = async (batch, signal) => {
    const {events, heard} = decodeBatch(batch.bytes, 0);
    if (events.some(event => event.kind === 'upsert')) heards.push(heard);
    return send(batch, signal);
  };
  const slow = {...clock, monotonic: () => now};
  const pipe = new Pipe(settings, {
    source,
    sender: cuttable,
    spool: new MemorySpool(),
    clock: slow,
    random: () => 0.5,
    log,
  });
  const stop = new AbortController();
  const running = pipe.run(stop.signal);
  stops.push(() => {
    stop.abort();
    return running;
  });
  await until(() => view.hasSnapshot && isIdle(pipe), {everyMs: 1});
  const before = view.hlc;
  state.isCut = true;
  await until(() => !pipe.status().isConnected, {everyMs: 1});
  now += 60_000;
  for (let n = 0; n < 10; n++) source.sink!.emit({...upsert(`/f${n}`), observedAt: now} as never);
  now += 3_540_000;
  view.hlc = before + 3_600_000 * 2 ** 16;
  state.isCut = false;
  await until(() => isIdle(pipe), {everyMs: 1});
  expect(heards.at(-1)).toMatchObject({at: 1_000});
  expect((heards.at(-1) as {hlc: number}).hlc).toBeLessThanOrEqual(before);
});

test('renames that follow a gap rename what is read again', async () => {
  const source = sourceOf(1);
  source.known.push('/new/e');
  const {view, sender} = viewWith();
  const {state, sender: cuttable} = line(sender);
  const pipe = start(source, cuttable, {spool: new MemorySpool({bytesMax: 2_000}), batchEventsMax: 1_000});
  await until(() => view.hasSnapshot && isIdle(pipe), {everyMs: 1});
  state.isCut = true;
  for (let n = 0; n < 51_000; n++) source.sink!.emit(upsert(`/d/e/${n}`));
  source.sink!.emit({kind: 'move', from: path('/d'), to: path('/new'), observedAt: 0});
  state.isCut = false;
  await until(() => view.phases('i-2').some(({phase}) => phase === 'scan_end'), {everyMs: 1});
  expect(source.asked.at(-1)).toMatchObject({source: 'on_demand', path: '/new/e'});
});

test.for(['snapshot', 'change'] as const)(
  'where what scans tell is rejected, since a first %s was, they follow each other after pauses that grow',
  async since => {
    const source = sourceOf(1);
    const {view, sender} = viewWith();
    let now = 0;
    let isBroken = since === 'snapshot';
    const {send} = sender;
    sender.send = async (batch, signal) => {
      const {events} = decodeBatch(batch.bytes, 0);
      const isOfScan = events.some(
        event => event.kind === 'unchanged' || ('phase' in event && event.phase === 'scan_end'),
      );
      isBroken ||= events.some(({kind}) => kind === 'delete');
      if (!isBroken || (since === 'snapshot' && !isOfScan)) return send(batch, signal);
      view.stored.push(batch.number);
      throw new FustorError('BATCH_REJECTED', 'no');
    };
    const parts = {
      source,
      sender,
      spool: new MemorySpool(),
      clock: {...clock, monotonic: () => now},
      random: () => 0.5,
    };
    const pipe = new Pipe(settings, {...parts, log});
    const stop = new AbortController();
    const running = pipe.run(stop.signal);
    stops.push(() => {
      stop.abort();
      return running;
    });
    /** How many scans there are when there are that many, and the pipe has had every opportunity for more. */
    const scansAfter = async (count: number) => {
      await until(() => source.scans.length >= count && pipe.status().scans.length === 0 && isIdle(pipe), {everyMs: 1});
      const beats = view.beats.length;
      await until(() => view.beats.length > beats + 5, {everyMs: 1});
      return source.scans.length;
    };
    if (since === 'change') {
      await until(() => view.hasSnapshot && isIdle(pipe), {everyMs: 1});
      source.sink!.emit({kind: 'delete', path: path('/f'), observedAt: 0});
    }
    expect(await scansAfter(2)).toBe(2);
    now += 9_999;
    expect(await scansAfter(2)).toBe(2);
    now += 1;
    expect(await scansAfter(3)).toBe(3);
    now += 19_999;
    expect(await scansAfter(3)).toBe(3);
    now += 1;
    expect(await scansAfter(4)).toBe(4);
    expect(view.sessions).toBe(1);
  },
);
