import {expect, test} from 'vitest';
import {clock, log, path, run, settings, sourceOf, viewWith} from '../../test/lib/pipe-parts.ts';
import {toBytes} from '../entry/byte-string.ts';
import {FustorError} from '../errors/fustor-error.ts';
import {decodeBatch} from '../protocol/codec.ts';
import type {FsEvent} from '../protocol/events.ts';
import type {OrderedScan} from '../protocol/session.ts';
import {MemorySpool} from './memory-spool.ts';
import {Pipe} from './pipe.ts';

test('an answer that was given earlier and arrives later does not begin the snapshot again', async () => {
  const source = sourceOf(20);
  const late = Promise.withResolvers<void>();
  const {view, sender} = viewWith(async (number, progress) => {
    if (number === 20) await late.promise; // given before the snapshot's end, delivered behind it
    if (view.hasSnapshot) setTimeout(() => late.resolve(), 5);
    return progress;
  });
  await run(source, sender, () => view.hasSnapshot);
  expect({scans: source.scans, batches: view.stored.length}).toEqual({scans: ['snapshot'], batches: 23});
});

test('what is not confirmed is sent again after a lost connection, in order and once', async () => {
  const source = sourceOf(20);
  const failed = new Set<number>();
  const {view, sender} = viewWith(async (number, progress) => {
    if (number % 5 === 0 && !failed.has(number)) {
      failed.add(number);
      throw new FustorError('UNREACHABLE', 'the line went dead');
    }
    return progress;
  });
  await run(source, sender, () => view.hasSnapshot && view.stored.length === 23);
  expect(view.stored).toEqual(Array.from({length: 23}, (_, index) => index + 1));
  expect({sessions: view.sessions, failed: failed.size}).toEqual({sessions: 1, failed: 4});
});

test('a view that does not know the session gets the same events again in a new one', async () => {
  const source = sourceOf(4);
  let isLost = false;
  const {view, sender} = viewWith(async (number, progress) => {
    if (number === 2 && !isLost) {
      isLost = true;
      view.stored.length = 0;
      throw new FustorError('SESSION_UNKNOWN', 'it timed out');
    }
    return progress;
  });
  const {heartbeat} = sender;
  sender.heartbeat = async (session, request, signal) => {
    if (isLost && session === 'v.1') throw new FustorError('SESSION_UNKNOWN', 'it timed out');
    return heartbeat(session, request, signal);
  };
  await run(source, sender, () => view.hasSnapshot);
  expect({sessions: view.sessions, scans: source.scans}).toEqual({sessions: 2, scans: ['snapshot']});
});

const outOfOrder = (number: number, expected: number) =>
  new FustorError('BATCH_OUT_OF_ORDER', `Batch ${number} came before batch ${expected}.`, {details: {expected}});

test('a batch that overtook a slow one is sent again behind it, and the slow one is not broken off', async () => {
  const slow = Promise.withResolvers<void>();
  const refused: number[] = [];
  const {view, sender} = viewWith();
  const send = sender.send;
  sender.send = async (batch, signal) => {
    if (batch.number === 5) await slow.promise;
    if (signal.aborted) throw new FustorError('UNREACHABLE', 'it was broken off');
    if (batch.number > 5 && !view.stored.includes(5)) {
      refused.push(batch.number);
      if (refused.length === 3) setTimeout(() => slow.resolve(), 5);
      throw outOfOrder(batch.number, 5);
    }
    return send(batch, signal);
  };
  await run(sourceOf(10), sender, () => view.hasSnapshot);
  expect(refused).toEqual([6, 7, 8]);
  expect(view.stored.toSorted((a, b) => a - b)).toEqual(Array.from({length: 13}, (_, index) => index + 1));
});

test('a view that waits for a batch which it had confirmed gets a new session, and everything is read again', async () => {
  const source = sourceOf(10);
  const ended: string[] = [];
  const {view, sender} = viewWith();
  const send = sender.send;
  sender.send = async (batch, signal) => {
    if (view.sessions === 1 && batch.number > 8) throw outOfOrder(batch.number, 7);
    return send(batch, signal);
  };
  sender.end = async session => {
    ended.push(session);
    view.stored.length = 0;
  };
  await run(source, sender, () => source.scans.includes('on_demand') && view.hasSnapshot);
  expect({ended, sessions: view.sessions}).toEqual({ended: ['v.1'], sessions: 2});
});

test.for(['leader', 'follower'] as const)(
  'a %s that has nothing to tell notices by a heartbeat that the view has lost what it had confirmed',
  async role => {
    const source = sourceOf(10);
    const ended: string[] = [];
    const {view, sender} = viewWith();
    const isGap = (event: FsEvent) => event.kind === 'phase' && event.phase === 'gap';
    view.role = role;
    view.hasSnapshot = role === 'follower';
    const {heartbeat} = sender;
    let isPutBack = false;
    sender.heartbeat = async (...call) => {
      const progress = await heartbeat(...call);
      return isPutBack && view.sessions === 1 ? {...progress, last_batch: 1} : progress;
    };
    sender.end = async session => {
      ended.push(session);
      view.stored.length = 0;
    };
    let isTold = false;
    await run(source, sender, () => {
      if (!isTold)
        for (const name of ['/f', '/g']) source.sink?.emit({kind: 'delete', path: path(name), observedAt: 0});
      isTold ||= source.sink !== undefined;
      isPutBack ||= view.hasSnapshot && source.scans.length > 0 && view.stored.length >= (role === 'leader' ? 15 : 2);
      return view.events.some(isGap) && (role === 'follower' || source.scans.includes('on_demand'));
    });
    expect({ended, sessions: view.sessions}).toEqual({ended: ['v.1'], sessions: 2});
    expect(view.events.find(isGap)).toMatchObject({path: '/', reason: 'the view has lost what it had confirmed'});
  },
);

test('a scan whose end was in a batch that the view rejects is told as failed', async () => {
  const {view, sender} = viewWith(async (number, progress) => {
    const end = view.phases('i-1').find(({phase}) => phase === 'scan_end');
    if (end && number === view.stored.at(-1) && view.events.at(-1) === end) {
      view.events.pop();
      if ('isComplete' in end && end.isComplete) throw new FustorError('BATCH_REJECTED', 'no');
      view.events.push(end);
    }
    return progress;
  });
  await run(sourceOf(1), sender, () => view.phases('i-1').some(({phase}) => phase === 'scan_end'));
  expect(view.phases('i-1').at(-1)).toMatchObject({phase: 'scan_end', isComplete: false});
});

test('what a rejected batch said is read again with evidence that is not older than the gap in its place', async () => {
  const source = sourceOf(1);
  const rejectedAt = 10_000;
  const {view, sender} = viewWith(async (_, progress) => {
    if (!view.events.some(({kind}) => kind === 'delete')) return progress;
    view.events = view.events.filter(({kind}) => kind !== 'delete');
    throw new FustorError('BATCH_REJECTED', 'no', {details: {hlc: rejectedAt}});
  });
  const {heartbeat} = sender;
  let isRejected = false;
  sender.heartbeat = (session, request, signal) =>
    isRejected
      ? new Promise(resolve => signal.addEventListener('abort', resolve as () => void))
      : heartbeat(session, request, signal);
  const evidences: number[] = [];
  const {scan} = source;
  source.scan = async request => {
    if (request.source === 'on_demand') evidences.push(source.sink!.evidence());
    return scan(request);
  };
  await run(source, sender, () => {
    if (view.hasSnapshot && !isRejected) {
      isRejected = true;
      source.sink!.emit({kind: 'delete', path: path('/f'), observedAt: 0});
    }
    return evidences.length > 0;
  });
  expect(evidences[0]).toBeGreaterThanOrEqual(rejectedAt);
});

const order = (job: string, at: string, recursive = true): OrderedScan => ({
  job,
  path: toBytes(path(at)).toString('base64url'),
  recursive,
});

test('a scan that is ordered is made once, told in its phases, and named until the view does not tell of it any more', async () => {
  const source = sourceOf(3);
  const {view, sender} = viewWith();
  view.orders = [order('j', '/d', false)];
  await run(source, sender, () => view.hasSnapshot && view.phases('j').some(({phase}) => phase === 'scan_end'));
  expect(source.asked.filter(({source: kind}) => kind === 'on_demand')).toEqual([
    {source: 'on_demand', path: '/d', isRecursive: false},
  ]);
  expect(view.phases('j')).toMatchObject([
    {phase: 'scan_begin', path: '/d', source: 'on_demand'},
    {phase: 'scan_progress', directories: 3},
    {phase: 'scan_end', isComplete: true},
  ]);
  expect(view.beats.at(-1)!.jobs).toEqual(['j']);
  view.orders = [];
});

test('ordered scans run two at a time beside a snapshot that does not end, and realtime goes on', async () => {
  const held = new Map<string, () => void>();
  const source = sourceOf(1, ({source: kind, path: at}) =>
    kind === 'snapshot' || at === '/slow' ? new Promise(resolve => held.set(`${kind} ${at}`, resolve)) : undefined,
  );
  source.known.push('/slow', '/also', '/third');
  const {view, sender} = viewWith();
  view.orders = [order('slow', '/slow'), order('also', '/also'), order('third', '/third')];
  const isDone = (job: string) => view.phases(job).some(({phase}) => phase === 'scan_end');
  await run(source, sender, () => {
    if (isDone('third') && !view.events.some(({kind}) => kind === 'delete')) {
      source.sink!.emit({kind: 'delete', path: path('/f'), observedAt: 0});
    }
    return isDone('also') && isDone('third') && view.events.some(({kind}) => kind === 'delete');
  });
  expect([...held.keys()].sort()).toEqual(['on_demand /slow', 'snapshot /']);
  expect(view.phases('slow').map(({phase}) => phase)).toEqual(['scan_begin']);
});

test('a pipe that does not lead any more stops what was ordered, and makes it when it is told again', async () => {
  const holds = [new Promise<void>(() => {}), undefined];
  const source = sourceOf(1, ({source: kind}) => (kind === 'on_demand' ? holds.shift() : undefined));
  const {view, sender} = viewWith();
  view.orders = [order('j', '/d')];
  await run(source, sender, () => {
    if (view.role === 'leader' && source.scans.filter(kind => kind === 'on_demand').length === 1)
      view.role = 'follower';
    else if (view.beats.at(-1)?.role === 'follower') view.role = 'leader';
    return view.phases('j').some(({phase}) => phase === 'scan_end');
  });
  expect(view.phases('j').filter(({phase}) => phase === 'scan_end')).toMatchObject([{isComplete: true}]);
});

test('what the source does not know is looked for from above: made, removed or not a directory', async () => {
  const source = sourceOf(0);
  const {view, sender} = viewWith();
  const scan = source.scan;
  source.scan = async request => {
    const result = await scan(request);
    if (request.path === '/d' && !source.known.includes('/d/new')) source.known.push('/d/new'); // its listing told of it
    return result;
  };
  view.orders = [order('made', '/d/new/deep'), order('gone', '/d/gone/deep')];
  const isDone = (job: string) => view.phases(job).some(({phase}) => phase === 'scan_end');
  await run(source, sender, () => isDone('made') && isDone('gone'));
  const asked = (at: string) => source.asked.flatMap(one => (one.path === at ? [one.isRecursive] : []));
  expect([asked('/d/new'), asked('/d/new/deep')]).toEqual([
    [false, false],
    [true, true],
  ]);
  for (const job of ['made', 'gone']) expect(view.phases(job).at(-1)).toMatchObject({isComplete: true});
});

test('a scan that the source cannot make is told as failed, with the reason', async () => {
  const source = sourceOf(0);
  const {view, sender} = viewWith();
  const scan = source.scan;
  source.scan = async request =>
    request.source === 'on_demand'
      ? {isComplete: false, directories: 0, entries: 0, unreadable: 0, unchanged: 0, reason: 'not mounted'}
      : scan(request);
  view.orders = [order('j', '/d')];
  await run(source, sender, () => view.phases('j').some(({phase}) => phase === 'scan_end'));
  expect(view.phases('j').at(-1)).toMatchObject({isComplete: false, reason: 'not mounted'});
});

test('a heartbeat says how long it may be held, and never keeps the sentinel waiting', async () => {
  const source = sourceOf(0);
  const {view, sender} = viewWith();
  await run(source, sender, () => view.beats.some(beat => beat.wants_suspects), {sentinelIntervalMs: 40});
  expect(view.beats[0]).toMatchObject({role: 'leader', jobs: [], wants_suspects: false});
  expect(view.beats[0]!.wait_ms).toBeLessThanOrEqual(40);
  expect(view.beats.find(beat => beat.wants_suspects)!.wait_ms).toBe(20_000);
});

test('a heartbeat says up to when the source had told all that it saw, and goes on while that is not known', async () => {
  const source = sourceOf(0);
  const {view, sender} = viewWith();
  const held = Promise.withResolvers<undefined>();
  let isHeld = false;
  source.settle = async () => (isHeld ? held.promise : undefined);
  const beats: (number | undefined)[] = [];
  const {heartbeat} = sender;
  sender.heartbeat = (session, request, signal) => {
    beats.push(isHeld ? request.toldUntil?.ms : undefined);
    return heartbeat(session, request, signal);
  };
  const known = () => beats.filter(ms => ms !== undefined);
  let isReleased = false;
  await run(source, sender, () => {
    isHeld ||= view.hasSnapshot && view.beats.at(-1)?.toldUntil !== undefined;
    if (known().length < 4) return false;
    if (!isReleased) expect(new Set(known().slice(1)).size).toBe(1);
    isReleased = true;
    held.resolve(undefined);
    return known().at(-1)! > known()[1]!;
  });
  expect(view.beats.every(({queued}) => queued === 0)).toBe(true);
});

test('audits skip what this session was told in full, and every n-th reads everything', async () => {
  const source = sourceOf(1);
  const {view, sender} = viewWith(async (_, progress) => progress);
  const stop = new AbortController();
  const running = new Pipe(
    {...settings, auditIntervalMs: 5, fullAuditEvery: 3},
    {source, sender, spool: new MemorySpool(), clock, random: () => 0.5, log},
  ).run(stop.signal);
  while (source.scans.length < 8) await new Promise(resolve => setTimeout(resolve, 1));
  stop.abort();
  await running;
  expect(source.fulls.slice(0, 8)).toEqual([true, false, false, true, false, false, true, false]);
  expect({sessions: view.sessions, first: source.scans[0]}).toEqual({sessions: 1, first: 'snapshot'});
});

test('an audit that takes the place of a rescan, because the queue is never empty, reads everything', async () => {
  const source = sourceOf(1);
  const held = Promise.withResolvers<void>();
  const isChange = ({kind}: FsEvent) => kind === 'delete';
  const {view, sender} = viewWith(async (_, progress) => {
    const changes = view.events.filter(isChange).length;
    if (changes === 1) throw new FustorError('BATCH_REJECTED', 'no');
    if (changes > 1) await held.promise;
    return progress;
  });
  let fullsBefore = Number.POSITIVE_INFINITY;
  await run(
    source,
    sender,
    () => {
      if (fullsBefore === Number.POSITIVE_INFINITY && source.scans.length > 2) {
        fullsBefore = source.fulls.length;
        for (let n = 0; n < 20; n++) source.sink!.emit({kind: 'delete', path: path(`/f${n}`), observedAt: 0});
      }
      const isRead = source.fulls.slice(fullsBefore).includes(true);
      if (isRead) held.resolve();
      return isRead;
    },
    {auditIntervalMs: 5, fullAuditEvery: 1_000},
  );
  expect(source.scans[source.fulls.indexOf(true, fullsBefore)]).toBe('audit');
});

test('a new session is told everything again before an audit skips', async () => {
  const source = sourceOf(1);
  let lost = 0;
  const {view, sender} = viewWith(async (_, progress) => {
    if (source.scans.length === 3 && lost++ === 0) throw new FustorError('SESSION_UNKNOWN', 'it timed out');
    return progress;
  });
  const stop = new AbortController();
  const running = new Pipe(
    {...settings, auditIntervalMs: 5, fullAuditEvery: 1_000},
    {source, sender, spool: new MemorySpool(), clock, random: () => 0.5, log},
  ).run(stop.signal);
  while (source.scans.length < 8) await new Promise(resolve => setTimeout(resolve, 1));
  stop.abort();
  await running;
  expect(view.sessions).toBe(2);
  expect(source.fulls.filter(isFull => isFull)).toHaveLength(2);
});

test('a pipe that has nothing to tell opens a new session too, when a heartbeat says that the view does not know it', async () => {
  const source = sourceOf(1);
  const {view, sender} = viewWith(async (_, progress) => progress);
  const {heartbeat} = sender;
  sender.heartbeat = async (session, request, signal) => {
    if (session === 'v.1' && view.hasSnapshot) throw new FustorError('SESSION_UNKNOWN', 'it timed out');
    return heartbeat(session, request, signal);
  };
  await run(source, sender, () => view.sessions === 2);
  expect({sessions: view.sessions, scans: source.scans}).toEqual({sessions: 2, scans: ['snapshot']});
});

test('a new session is told what the earlier one knew of the source', async () => {
  const source = sourceOf(1);
  source.status = () => ({isAvailable: false, reason: 'unmounted', watched: 7, known: 9, overflows: 0});
  const {view, sender} = viewWith(async (_, progress) => progress);
  const {heartbeat, send} = sender;
  const told: unknown[] = [];
  sender.heartbeat = async (session, request, signal) => {
    if (session === 'v.1' && view.hasSnapshot) throw new FustorError('SESSION_UNKNOWN', 'it timed out');
    return heartbeat(session, request, signal);
  };
  sender.send = async (batch, signal) => {
    if (batch.session === 'v.2') told.push(...decodeBatch(batch.bytes, 0).events);
    return send(batch, signal);
  };
  await run(source, sender, () => told.length >= 2);
  expect(told).toEqual([
    {kind: 'phase', phase: 'coverage', watched: 7, known: 9},
    {kind: 'phase', phase: 'unavailable', reason: 'unmounted'},
  ]);
});
