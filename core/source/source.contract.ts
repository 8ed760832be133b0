import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, expect, test, vi} from 'vitest';
import {makeTree} from '../../test/lib/make-tree.ts';
import {openMemoryTree} from '../../test/lib/memory-tree.ts';
import {Prng} from '../../test/lib/prng.ts';
import {storm} from '../../test/lib/storm.ts';
import {makeStrangeTree} from '../../test/lib/strange-tree.ts';
import {difference, linesOfFind, linesOfTree} from '../../test/lib/tree-lines.ts';
import {until} from '../../test/lib/until.ts';
import {fromText} from '../entry/byte-string.ts';
import {type Path, rootPath} from '../entry/path.ts';
import type {FsEvent} from '../protocol/events.ts';
import {TreeAnswer} from '../query/tree-answer.ts';
import {type Hlc, nextHlc} from '../time/hlc.ts';
import {emptyStorageClock} from '../time/storage-clock.ts';
import {arbitrate} from '../tree/arbitrate.ts';
import {onlyRun} from '../tree/context.ts';
import type {EventSink, ScanRequest, ScanResult, Source, SourceEvent} from './source.ts';

/** What a source can do beyond the least that is asked of all. */
export type SourceAbilities = {
  /** Sees files being closed, renames as such, and every change however fast they come. */
  isExact: boolean;
};

/**
 * What every source of a file system does: applies what it tells by the real rules to a tree in memory, and compares that with
 * what `find` says.
 */
export function sourceContract(name: string, open: (directory: string) => Source, {isExact}: SourceAbilities): void {
  vi.setConfig({testTimeout: 60_000, hookTimeout: 60_000});
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  function temporary(): string {
    const directory = mkdtempSync(join(tmpdir(), 'fustor-source-'));
    cleanups.push(() => rmSync(directory, {recursive: true, force: true}));
    return directory;
  }

  async function observe(directory: string): Promise<Observed> {
    const observed = new Observed(directory, open(directory));
    cleanups.push(() => observed.source.close());
    await observed.source.open(observed.sink);
    return observed;
  }

  test(`${name}: a scan tells everything, strange names, links, fifos and deep paths too`, async () => {
    const directory = temporary();
    cleanups.push(await makeStrangeTree(join(directory, 'strange')));
    makeTree(join(directory, 'plain'), 5_000);
    const observed = await observe(directory);
    const result = await observed.scan();
    expect(result).toMatchObject({isComplete: true, unreadable: 0});
    expect(result.entries + 1).toBe((await linesOfFind(directory)).length);
    await observed.expectSame();
  });

  test(`${name}: changes after it was opened are told without a scan, directories that are moved in with all they hold`, async () => {
    const directory = temporary();
    const elsewhere = temporary();
    makeTree(join(directory, 'kept'), 300);
    makeTree(join(elsewhere, 'outside'), 300);
    const observed = await observe(directory);
    await observed.scan();
    writeFileSync(join(directory, 'created'), 'x');
    appendFileSync(join(directory, 'kept/file-0-of-some-data.dat'), 'more');
    rmSync(join(directory, 'kept/file-1-of-some-data.dat'));
    chmodSync(join(directory, 'kept/file-2-of-some-data.dat'), 0o600);
    symlinkSync('nowhere', join(directory, 'link'));
    mkdirSync(join(directory, 'new'));
    writeFileSync(join(directory, 'new/inside'), 'x');
    renameSync(join(directory, 'kept/directory-0'), join(directory, 'new/moved'));
    renameSync(join(elsewhere, 'outside'), join(directory, 'moved-in'));
    rmSync(join(directory, 'kept/directory-1'), {recursive: true});
    await observed.expectSame();
  });

  test(`${name}: a look is fresh, and tells what is gone`, async () => {
    const directory = temporary();
    writeFileSync(join(directory, 'f'), 'x');
    const observed = await observe(directory);
    await observed.scan();
    appendFileSync(join(directory, 'f'), 'y');
    const [f, g] = [fromText('/f') as Path, fromText('/g') as Path];
    const found = await observed.source.look([f, g]);
    expect([found.get(f)?.size, found.has(g), found.get(g)]).toEqual([2, true, undefined]);
  });

  test(`${name}: one directory can be scanned alone; one that is not known, or is gone, is told as that`, async () => {
    const directory = temporary();
    makeTree(join(directory, 'a/b'), 10);
    const observed = await observe(directory);
    const scan = (at: string, isRecursive: boolean) => {
      const {signal} = new AbortController();
      return observed.source.scan({source: 'on_demand', path: fromText(at) as Path, isFull: true, isRecursive, signal});
    };
    expect(await scan('/', false)).toMatchObject({isComplete: true, directories: 1, entries: 1});
    expect(await scan('/a', false)).toMatchObject({isComplete: true, directories: 1, entries: 1});
    expect(await scan('/a', true)).toMatchObject({isComplete: true, directories: 2, entries: 11});
    expect(await scan('/nothing/here', true)).toMatchObject({directories: 0, isUnknown: true});
    expect(await scan('/a/b/file-0-of-some-data.dat', true)).toMatchObject({directories: 0, isUnknown: true});
    await observed.source.settle();
    renameSync(join(directory, 'a'), join(directory, 'c'));
    expect(await scan('/a', true)).toMatchObject({entries: 0, isUnknown: true});
  });

  test(`${name}: a root that is missing, or no directory, is refused and said`, async () => {
    const directory = temporary();
    writeFileSync(join(directory, 'file'), '');
    const sink = new Observed(directory, open(directory)).sink;
    await expect(open(join(directory, 'nothing')).open(sink)).rejects.toThrow(/nothing: it does not exist/);
    await expect(open(join(directory, 'file')).open(sink)).rejects.toThrow(/file: it is not a directory/);
  });

  test(`${name}: a root that is another file system than before is told as unavailable, and deletes nothing`, async () => {
    const directory = temporary();
    makeTree(join(directory, 'tree'), 100);
    const observed = await observe(directory);
    await observed.scan();
    const before = observed.lines();
    renameSync(directory, `${directory}-away`);
    cleanups.push(() => rmSync(`${directory}-away`, {recursive: true, force: true}));
    expect(await observed.scan()).toMatchObject({isComplete: false, reason: expect.stringContaining('does not exist')});
    expect(observed.lines()).toEqual(before);
    expect(observed.source.status().isAvailable).toBe(false);
  });

  test(`${name}: a scan ends also when what it is about to read is moved away all at once`, async () => {
    const directory = temporary();
    const elsewhere = temporary();
    for (let i = 0; i < 1_000; i++) mkdirSync(join(directory, `wide/d${i}`), {recursive: true});
    const observed = await observe(directory);
    const scanned = observed.scan();
    // The directory was read, and its thousand children wait to be.
    await until(() => observed.source.status().known > 1_000 || !isExact, {everyMs: 0, what: 'a thousand directories'});
    renameSync(join(directory, 'wide'), join(elsewhere, 'wide'));
    expect(await scanned).toMatchObject({unreadable: 0});
    await observed.expectSame();
  });

  if (!isExact) return;

  test.each([1, 2, 3])(
    `${name}: a storm of changes during the scan, seed %i`,
    async seed => {
      const directory = temporary();
      makeTree(directory, 8_000);
      const observed = await observe(directory);
      const scanned = observed.scan();
      for (let part = 0; part < 20; part++) {
        storm(directory, seed * 100 + part, 150);
        await new Promise(resolve => setImmediate(resolve));
      }
      await scanned;
      // One that is just being renamed may be without a watch for the moment.
      await until(async () => (await observed.source.settle()) === undefined, {what: 'a watch for every directory'});
      await observed.expectSame();
    },
    60_000,
  );

  test.runIf(isExact)(
    `${name}: directories that are renamed, made and removed all the time while they are scanned all stay watched`,
    async () => {
      const directory = temporary();
      const random = new Prng(7);
      const directories = [directory];
      const make = () => {
        const path = join(random.pick(directories)!, `d${random.below(1e9)}`);
        mkdirSync(path, {recursive: true});
        directories.push(path);
      };
      for (let i = 0; i < 200; i++) make();
      const observed = await observe(directory);
      for (let round = 0; round < 15; round++) {
        const scanned = observed.scan();
        for (let i = 0; i < 300; i++) {
          const at = 1 + random.below(directories.length - 1);
          const from = directories[at]!;
          try {
            if (random.below(8) === 0) {
              rmSync(from, {recursive: true});
              make();
            } else renameSync(from, join(random.pick(directories)!, `d${random.below(1e9)}`));
          } catch {
            // It was moved together with another one, or would be moved into itself.
          }
          if (i % 10 === 0) await new Promise(resolve => setTimeout(resolve, random.below(3)));
        }
        await scanned;
        const found = await linesOfFind(directory);
        directories.splice(1);
        for (const line of found)
          if (line.includes('|directory|') && !line.startsWith('/|'))
            directories.push(join(directory, line.split('|')[0]!));
        await observed.source.settle();
        for (const path of directories) writeFileSync(join(path, 'f'), String(round));
        await observed.expectSame();
        for (const path of directories) rmSync(join(path, 'f'));
      }
    },
    120_000,
  );

  test(`${name}: a settling comes behind every change before it, while others go on and everything is scanned`, async () => {
    const directory = temporary();
    makeTree(join(directory, 'kept'), 300);
    mkdirSync(join(directory, 'other'));
    const observed = await observe(directory);
    await observed.scan();
    const random = new Prng(11);
    let isOver = false;
    const scans = (async () => {
      while (!isOver) await observed.scan({source: 'audit'});
    })();
    let made = 0;
    const others = setInterval(() => {
      const one = join(directory, `other/d${++made % 50}`);
      rmSync(one, {recursive: true, force: true});
      mkdirSync(one);
      writeFileSync(join(one, 'f'), 'x');
    }, 5);
    const ofKept = (lines: string[]) => lines.filter(line => line.startsWith('/kept'));
    try {
      for (let round = 0; round < 40; round++) {
        storm(join(directory, 'kept'), round, 1 + random.below(12));
        expect(await observed.source.settle()).toBeUndefined();
        const told = ofKept(observed.lines());
        expect({round, ...difference(told, ofKept(await linesOfFind(directory)))}).toMatchObject({round, count: 0});
      }
    } finally {
      clearInterval(others);
      isOver = true;
      await scans;
    }
    await observed.expectSame();
  }, 120_000);

  test(`${name}: a rename is told as one, and a write as closed`, async () => {
    const directory = temporary();
    makeTree(join(directory, 'a'), 50);
    const observed = await observe(directory);
    await observed.scan();
    observed.told.length = 0;
    renameSync(join(directory, 'a'), join(directory, 'b'));
    writeFileSync(join(directory, 'f'), 'x');
    await observed.source.settle();
    expect(observed.told).toContainEqual(expect.objectContaining({kind: 'move', from: '/a', to: '/b'}));
    expect(observed.told).toContainEqual(expect.objectContaining({kind: 'upsert', path: '/f', isAtomic: true}));
    expect(observed.told.filter(({kind}) => kind === 'delete' || kind === 'listing')).toEqual([]);
    expect(lstatSync(join(directory, 'b')).isDirectory()).toBe(true);
  });
}

/** A source and the tree that its events make. */
export class Observed {
  readonly directory: string;
  readonly source: Source;
  /** What came in the realtime lane. */
  readonly told: FsEvent[] = [];
  /** What came of scans. */
  readonly scanned: FsEvent[] = [];
  /** Milliseconds by which the agent's clock is moved on. */
  laterMs = 0;
  readonly #tree = openMemoryTree();
  #hlc: Hlc = 0;
  #observedUntil: Hlc = 0;
  #deferred: SourceEvent[] = [];

  constructor(directory: string, source: Source) {
    this.directory = directory;
    this.source = source;
  }

  readonly sink: EventSink = {
    emit: event => {
      this.told.push(event);
      this.#apply(event);
    },
    offer: async event => {
      // As a bus does: what is scanned leaves behind what was seen before it.
      this.#deferred.push(event);
      await new Promise(resolve => setImmediate(resolve));
      for (const waiting of this.#deferred.splice(0)) {
        const resolved = waiting.kind === 'deferred' ? waiting.resolve() : waiting;
        if (!resolved) continue;
        this.scanned.push(resolved);
        this.#apply(resolved);
      }
    },
    evidence: () => this.#hlc,
    now: () => performance.now() + this.laterMs,
  };

  scan(request: Partial<ScanRequest> = {}): Promise<ScanResult> {
    const {signal} = new AbortController();
    return this.source.scan({source: 'snapshot', path: rootPath, isFull: true, signal, ...request});
  }

  lines(): string[] {
    const answer = new TreeAnswer({
      view: 'v',
      path: rootPath,
      after: undefined,
      depthMax: Number.POSITIVE_INFINITY,
      limit: Number.POSITIVE_INFINITY,
    });
    const chunks: Uint8Array[] = [];
    while (!answer.isDone) chunks.push(this.#tree.read(txn => answer.next(txn, 0)!));
    return linesOfTree(Buffer.concat(chunks).toString()).lines;
  }

  async expectSame(): Promise<void> {
    await this.source.settle();
    expect(difference(this.lines(), await linesOfFind(this.directory))).toEqual({extra: [], missing: [], count: 0});
  }

  #apply(event: FsEvent): void {
    this.#hlc = nextHlc(this.#hlc, Date.now());
    const settings = {hotFileThresholdMs: 0, cacheWindowMs: 120_000, tombstoneRetentionMs: 3_600_000};
    const now = this.#hlc;
    void this.#tree.write(txn => {
      const {observedUntil} = arbitrate(
        {
          txn,
          settings,
          now,
          agent: 1,
          isOnlyAgent: true,
          forgottenUntil: 0,
          heard: {hlc: now, at: performance.now()},
          run: onlyRun,
          storageClock: emptyStorageClock,
          sentAt: this.sink.now(),
          observedUntil: this.#observedUntil,
        },
        [event],
      );
      this.#observedUntil = observedUntil;
    });
  }
}
