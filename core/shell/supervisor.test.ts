import {expect, test} from 'vitest';
import type {Log} from '../log/log.ts';
import {Signal} from '../pipe/signal.ts';
import type {Clock} from '../time/clock.ts';
import {Fleet} from './fleet.ts';
import type {Child, Exit, Observation, Part, Survivor} from './part.ts';
import {RollingFleet} from './rolling-fleet.ts';
import {Supervisor} from './supervisor.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};

/** A clock that jumps over every pause, and remembers it. */
class JumpingClock implements Clock {
  readonly pauses: number[] = [];
  #now = 0;
  now = () => this.#now;
  monotonic = () => this.#now;
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    this.pauses.push(Math.round(ms));
    await new Promise(resolve => setImmediate(resolve));
    if (!signal?.aborted) this.#now += ms;
  }
  pass(ms: number): void {
    this.#now += ms;
  }
}

const healthy: Observation = {processState: 'S', cpuMs: 0, memoryBytes: 1, health: {work: {done: 0, pending: 0}}};
let pids = 100;

/** A process that does what it is told, unless its fields say otherwise. */
class TestChild implements Child {
  readonly pid = pids++;
  readonly startedAt: number;
  readonly asked: string[] = [];
  readonly #exit = Promise.withResolvers<Exit>();
  observation: Observation | undefined = healthy;
  endsWhenAsked = true;
  /** As one that waits in the kernel without being interruptible. */
  isUnkillable = false;
  isStarved = false;
  #cpuMs = 0;
  words = '';

  constructor(startedAt = 0) {
    this.startedAt = startedAt;
  }
  get exited(): Promise<Exit> {
    return this.#exit.promise;
  }
  exit(exit: Exit): void {
    this.#exit.resolve(exit);
  }
  terminate(): void {
    this.asked.push('terminate');
    if (this.endsWhenAsked) this.exit({code: 0, signal: null});
  }
  kill(): void {
    this.asked.push('kill');
    if (!this.isUnkillable) this.exit({code: null, signal: 'SIGKILL'});
  }
  async observe(): Promise<Observation | undefined> {
    // Busy as it may be: a process that gets no processor is another case.
    this.#cpuMs += this.isStarved ? 0 : 10_000;
    return this.observation && {...this.observation, cpuMs: this.#cpuMs};
  }
  lastWords(): string {
    return this.words;
  }
}

const limits = {
  memoryBytesMax: 1_000,
  unansweringAfterMs: 10_000,
  stalledAfterMs: 60_000,
  graceMs: 10_000,
  pauseMsMax: 60_000,
  quarantine: {deaths: 4, windowMs: 600_000},
};

function setUp({random = 1, supervision = limits}: {random?: number; supervision?: Part['supervision']} = {}) {
  const clock = new JumpingClock();
  const stop = new AbortController();
  const parts = {clock, random: () => random, log, changed: new Signal()};
  const children: TestChild[] = [];
  let prepare: (child: TestChild) => void = () => {};
  const partOf = (hash = 'a', name = 'p'): Part => ({
    name,
    hash,
    supervision,
    start: async () => {
      const child = new TestChild(clock.now());
      prepare(child);
      children.push(child);
      return child;
    },
  });
  return {
    clock,
    stop,
    parts,
    children,
    partOf,
    onStart: (body: (child: TestChild) => void) => {
      prepare = body;
    },
    supervise: (part = partOf(), survivor?: Survivor) => {
      const supervisor = new Supervisor(part, parts, survivor);
      return {supervisor, ended: supervisor.run(stop.signal)};
    },
    /** Resolves when the condition holds, which is looked at whenever a report changes. */
    until: async (condition: () => unknown) => {
      for (let turns = 0; !condition(); turns++) {
        if (turns > 20_000) throw new Error('it did not come true');
        await new Promise(resolve => setImmediate(resolve));
      }
    },
  };
}

test('a part that dies is started again after pauses that grow, and begin anew when it ran long', async () => {
  const {clock, children, supervise, stop, onStart, until} = setUp({supervision: {...limits, quarantine: undefined}});
  onStart(child => {
    if (children.length === 2) clock.pass(100_000);
    child.exit({code: 1, signal: null});
  });
  const {supervisor, ended} = supervise();
  const pauses: number[] = [];
  let last: number | undefined;
  await until(() => {
    const {retryAt, lastDeath} = supervisor.report();
    if (retryAt !== undefined && retryAt !== last) pauses.push(retryAt - lastDeath!.at);
    last = retryAt;
    return children.length >= 5;
  });
  stop.abort();
  await ended;
  expect(pauses.slice(0, 4)).toEqual([1_000, 2_000, 1_000, 2_000]);
});

test('a part that dies too often is left alone until it has another configuration', async () => {
  const {children, partOf, supervise, stop, onStart, until} = setUp();
  onStart(child => child.exit({code: null, signal: 'SIGSEGV'}));
  const {supervisor, ended} = supervise();
  await until(() => supervisor.state === 'quarantined');
  expect(children).toHaveLength(4);
  expect(supervisor.report()).toMatchObject({pid: undefined, retryAt: undefined, lastDeath: {signal: 'SIGSEGV'}});
  supervisor.replace(partOf('a'));
  await new Promise(resolve => setImmediate(resolve));
  expect(supervisor.state).toBe('quarantined');
  onStart(() => {});
  supervisor.replace(partOf('b'));
  await until(() => supervisor.state === 'running');
  stop.abort();
  await ended;
});

test('a part that cannot be started at all says why', async () => {
  const {parts, stop, until} = setUp();
  const part: Part = {name: 'p', hash: 'a', supervision: limits, start: () => Promise.reject(new Error('no memory'))};
  const supervisor = new Supervisor(part, parts);
  const ended = supervisor.run(stop.signal);
  await until(() => supervisor.state === 'quarantined');
  expect(supervisor.report().lastDeath).toMatchObject({
    cause: 'not_started',
    detail: expect.stringContaining('no memory'),
  });
  stop.abort();
  await ended;
});

test('told to stop, it asks the part to end, and kills one that does not', async () => {
  const {children, supervise, stop, onStart, until} = setUp();
  onStart(child => {
    child.endsWhenAsked = false;
  });
  const {supervisor, ended} = supervise();
  await until(() => supervisor.state === 'running');
  stop.abort();
  await ended;
  expect(children[0]!.asked).toEqual(['terminate', 'kill']);
});

for (const [what, wrong, cause, asked] of [
  ['spins', {processState: 'R', health: undefined}, 'unanswering', ['kill']],
  ['waits for ever', {processState: 'S', health: undefined}, 'unanswering', ['kill']],
  ['is stopped', {processState: 'T', health: undefined}, 'frozen', ['kill']],
  ['holds too much memory', {memoryBytes: 2_000}, 'memory_max', ['terminate']],
  ['has work and makes no progress', {health: {work: {done: 7, pending: 1}}}, 'stalled', ['terminate']],
] as const) {
  test(`a part that ${what} is ended and started again`, async () => {
    const {children, supervise, stop, until} = setUp();
    const {supervisor, ended} = supervise();
    await until(() => supervisor.state === 'running');
    children[0]!.observation = {...healthy, ...wrong};
    await until(() => children.length === 2);
    expect(children[0]!.asked).toEqual(asked);
    expect(supervisor.report().lastDeath).toMatchObject({cause, pid: children[0]!.pid});
    stop.abort();
    await ended;
  });
}

test('a part that waits for a processor on a busy machine is left in peace', async () => {
  const {clock, children, supervise, stop, until} = setUp();
  const {supervisor, ended} = supervise();
  await until(() => supervisor.state === 'running');
  children[0]!.observation = {...healthy, processState: 'R', health: undefined};
  children[0]!.isStarved = true;
  await until(() => clock.now() > 120_000);
  expect(children).toHaveLength(1);
  stop.abort();
  await ended;
});

test('a part without memory for its heap is told by its last words', async () => {
  const {children, supervise, stop, until} = setUp();
  const {supervisor, ended} = supervise();
  await until(() => supervisor.state === 'running');
  children[0]!.words = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory';
  children[0]!.exit({code: null, signal: 'SIGABRT'});
  await until(() => children.length === 2);
  expect(supervisor.report().lastDeath).toMatchObject({cause: 'out_of_memory', signal: 'SIGABRT', code: null});
  stop.abort();
  await ended;
});

test('an operator restarts a part in backoff and in quarantine at once, and what was asked for counts as no death', async () => {
  const {children, supervise, stop, onStart, until} = setUp();
  onStart(child => child.exit({code: 9, signal: null}));
  const {supervisor, ended} = supervise();
  await until(() => supervisor.state === 'quarantined');
  onStart(() => {});
  await expect(supervisor.execute('restart')).resolves.toContain('was not running (quarantined)');
  await until(() => supervisor.state === 'running');
  for (let i = 0; i < 10; i++) await supervisor.execute(i % 2 ? 'kill' : 'restart');
  expect(supervisor.report().lastDeath).toMatchObject({code: 9});
  expect(children.at(-2)!.asked).toEqual(['kill']);
  stop.abort();
  await ended;
});

test('an operator who kills does not wait for a restart that waits for the part', async () => {
  const {clock, children, supervise, stop, onStart, until} = setUp();
  onStart(child => {
    child.endsWhenAsked = false;
  });
  const {supervisor, ended} = supervise();
  await until(() => supervisor.state === 'running');
  const restarted = supervisor.execute('restart');
  await until(() => children[0]!.asked.length > 0);
  const before = clock.now();
  await Promise.all([supervisor.execute('kill'), restarted]);
  expect(children[0]!.asked).toEqual(['terminate', 'kill']);
  expect(clock.now() - before).toBeLessThan(10_000);
  stop.abort();
  await ended;
});

test('a survivor is taken over as it is, and replaced when it was made from something else', async () => {
  const {children, parts, partOf, until} = setUp();
  const [same, other, unwanted] = [new TestChild(), new TestChild(), new TestChild()];
  const survivors = [
    {name: 'same', hash: 'a', child: same},
    {name: 'other', hash: 'old', child: other},
    {name: 'unwanted', hash: 'a', child: unwanted},
  ];
  const fleet = new Fleet(parts, survivors);
  fleet.apply([partOf('a', 'same'), partOf('a', 'other')]);
  await until(() => fleet.report().every(({state}) => state === 'running') && children.length === 1);
  expect([same.asked, unwanted.asked]).toEqual([[], ['kill']]);
  expect(other.asked[0]).toBe('terminate');
  expect(fleet.report().map(({name, pid}) => [name, pid])).toEqual([
    ['same', same.pid],
    ['other', children[0]!.pid],
  ]);
  await fleet.stop();
  expect(same.asked).toEqual(['terminate']);
});

test('a part that the kernel does not let go holds up nobody but its own successor', async () => {
  const {children, parts, partOf, onStart, until} = setUp();
  const fleet = new Fleet(parts);
  const states = () => fleet.report().map(({name, state}) => `${name} ${state}`);
  onStart(child => {
    child.endsWhenAsked = children.length > 0;
    child.isUnkillable = children.length === 0;
  });
  fleet.apply([partOf('a', 'stuck')]);
  await until(() => states().join() === 'stuck running');
  fleet.apply([partOf('a', 'other')]);
  await until(() => states().join() === 'other running,stuck stopping' && children[0]!.asked.includes('kill'));
  fleet.apply([partOf('a', 'other'), partOf('b', 'stuck'), partOf('a', 'third')]);
  await until(() => states().join() === 'other running,third running,stuck stopping');
  expect(children).toHaveLength(3);
  children[0]!.exit({code: null, signal: 'SIGKILL'});
  await until(() => states().join() === 'other running,third running,stuck running');
  expect([fleet.look('stuck')!.hash, children.length]).toEqual(['b', 4]);
  await fleet.stop();
});

test('what was wanted again, and then not, is not started when the one before is gone', async () => {
  const {children, parts, partOf, onStart, until} = setUp();
  const fleet = new Fleet(parts);
  onStart(child => {
    child.endsWhenAsked = false;
    child.isUnkillable = true;
  });
  fleet.apply([partOf('a', 'stuck')]);
  await until(() => fleet.report()[0]!.state === 'running');
  fleet.apply([]);
  fleet.apply([partOf('a', 'stuck')]);
  fleet.apply([]);
  children[0]!.exit({code: 0, signal: null});
  await until(() => fleet.report().length === 0);
  expect(children).toHaveLength(1);
  await fleet.stop();
});

test('gateways are replaced one after another, each when its successor answers', async () => {
  const {children, parts, partOf, until} = setUp();
  const fleet = new RollingFleet(parts);
  const wanted = (hash: string, count = 2) => ({count, hash, make: (n: number) => partOf(hash, `gateway-${n}`)});
  await fleet.apply(wanted('a'));
  await until(() => fleet.report().every(({state}) => state === 'running'));
  let fewest = Number.POSITIVE_INFINITY;
  const watching = (async () => {
    while (children.length < 4 || fleet.report().length > 2) {
      fewest = Math.min(fewest, fleet.report().filter(({state}) => state === 'running').length);
      await new Promise(resolve => setImmediate(resolve));
    }
  })();
  expect(await fleet.apply(wanted('b'))).toBeUndefined();
  await watching;
  expect(fewest).toBe(2);
  expect(children.map(({asked}) => asked[0])).toEqual(['terminate', 'terminate', undefined, undefined]);
  expect(await fleet.apply(wanted('b', 1))).toBeUndefined();
  await until(() => fleet.report().length === 1);
  await fleet.stop();
});

test('a gateway that still answers is waited for, but not when its shell ends', async () => {
  const {clock, children, parts, partOf, onStart, until} = setUp({supervision: {...limits, graceMs: 600_000}});
  const fleet = new RollingFleet(parts);
  const wanted = (hash: string) => ({count: 1, hash, make: (n: number) => partOf(hash, `gateway-${n}`)});
  onStart(child => {
    child.endsWhenAsked = children.length > 0;
  });
  await fleet.apply(wanted('a'));
  await until(() => fleet.report()[0]?.state === 'running');
  expect(await fleet.apply(wanted('b'))).toBeUndefined();
  await until(() => fleet.report().some(({state}) => state === 'stopping'));
  expect(children[0]!.asked).toEqual(['terminate']);
  const before = clock.now();
  await fleet.stop();
  expect(children[0]!.asked).toEqual(['terminate', 'kill']);
  expect(clock.now() - before).toBeLessThan(600_000);
});

test('gateways whose successor does not answer go on', async () => {
  const {children, parts, partOf, onStart, until} = setUp();
  const fleet = new RollingFleet(parts);
  const wanted = (hash: string) => ({count: 2, hash, make: (n: number) => partOf(hash, `gateway-${n}`)});
  await fleet.apply(wanted('a'));
  await until(() => fleet.report().every(({state}) => state === 'running'));
  const pidsBefore = fleet.report().map(({pid}) => pid);
  onStart(child => child.exit({code: 1, signal: null}));
  expect(await fleet.apply(wanted('b'))).toContain('did not answer');
  await until(() => fleet.report().length === 2);
  expect(fleet.report().map(({pid}) => pid)).toEqual(pidsBefore);
  expect(children.slice(0, 2).map(({asked}) => asked)).toEqual([[], []]);
  await fleet.stop();
});
