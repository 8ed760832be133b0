import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import type {Site} from '../../lib/site.ts';
import {until} from '../../lib/until.ts';
import {bytesEach} from '../bytes-each.ts';
import {median} from '../load.ts';
import {anonymousMiB, bytesWritten, cpuSeconds, watchPeaks} from '../process-figures.ts';
import type {Stage} from '../stage.ts';
import {secondsOfBareWalk, secondsOfBfs, secondsOfFind} from '../walks.ts';

/** From a storage that nobody has looked at to a view that answers, beside programs that print the same and keep nothing. */
export async function scanGroup(stage: Stage): Promise<void> {
  const {root, entries} = stage.tree();
  const madeAt = performance.now();
  // Of a tree that was made just now every file is taken for one that is still being written.
  const settledMs = stage.hotFileMs + 1_000;
  const rounds = stage.rounds(3);
  const bfs = await stage.rival('bfs');
  await until(() => performance.now() - madeAt > settledMs, {
    timeoutMs: 2 * settledMs,
    what: 'a tree that has settled',
  });
  const walks = {find: [] as number[], bfs: [] as number[], bare: [] as number[]};
  const snapshots: Snapshot[] = [];
  for (let round = 0; round < rounds; round++) {
    walks.find.push(secondsOfFind(root));
    if (bfs !== undefined) walks.bfs.push(secondsOfBfs(bfs, root));
    walks.bare.push(secondsOfBareWalk(root, entries));
    await stage.endSite();
    const {site, ...snapshot} = await firstSnapshot(stage, root, round === 0 ? auditing(stage) : '');
    stage.keep(site);
    snapshots.push(snapshot);
    if (round === 0) await audits(stage, site, {snapshot, bare: walks.bare[0]!});
  }
  tellWalks(stage, walks, entries);
  tellSnapshots(stage, snapshots, {find: median(walks.find), entries});
  const site = await stage.site();
  await tellMemory(stage, site, {entries, peaks: snapshots.at(-1)!.peaks});
  await tellIdle(stage, site);
}

type Walks = Record<'find' | 'bfs' | 'bare', number[]>;

function tellWalks({rows}: Stage, walks: Walks, entries: number): void {
  const rounds = walks.find.length;
  const find = median(walks.find);
  const bare = median(walks.bare);
  const rate = (seconds: number) => `${Math.round(entries / seconds).toLocaleString('en')} entries/s`;
  const against = `find: ${rate(find)}, walk: ${rate(bare)}, median of ${rounds}, warm caches`;
  rows.add({name: 'bare walk, two threads', value: find / bare, unit: '× find -printf', against, goal: {atLeast: 1}});
  const others = walks.bfs.length === 0 ? 'no bfs' : `bfs: ${rate(median(walks.bfs))}`;
  rows.add({name: 'bare walk, entries a second', value: entries / bare, unit: '1/s', against: others});
}

/** Audits skip nothing in every second one, so both kinds are measured in turns. */
function auditing({isShort}: Stage): string {
  return `, audit_interval: ${isShort ? 1 : 4}s, full_audit_every: 2`;
}

/** How long one looks at what does nothing. */
function idleMsOf({isShort}: Stage): number {
  return isShort ? 1_000 : 30_000;
}

// ── The first snapshot

type Snapshot = {
  /** From the start of the agent, and from the moment at which its payload begins to scan, until the view is complete. */
  secondsOfAgent: number;
  secondsOfScan: number;
  cpu: Record<'payload' | 'gateways' | 'engine', number>;
  wireBytes: number;
  peaks: ReadonlyMap<number, number>;
};

async function firstSnapshot(stage: Stage, root: string, pipe: string): Promise<Snapshot & {site: Site}> {
  const site = stage.newSite(root, pipe);
  await site.prepare();
  await site.startFusion();
  const before = cpuOf(site);
  const peaks = watchPeaks(() => [...site.pids('agent'), ...site.pids('fusion')]);
  const startedAt = Date.now();
  site.run('agent');
  await until(async () => (await site.status()).meta.sync === 'live', {timeoutMs: 300_000, what: 'the snapshot'});
  const liveAt = Date.now();
  const after = cpuOf(site);
  const {time: begunAt} = await until(() => scanLines(site, 'scan begins')[0], {what: 'the log of the scan'});
  return {
    site,
    secondsOfAgent: (liveAt - startedAt) / 1000,
    secondsOfScan: (liveAt - begunAt) / 1000,
    cpu: {
      payload: cpuSeconds(site.partPid('agent', 'payload-site')),
      gateways: after.gateways - before.gateways,
      engine: after.engine - before.engine,
    },
    wireBytes: bytesWritten(site.partPid('agent', 'payload-site')).all,
    peaks: peaks.stop(),
  };
}

function cpuOf(site: Site): {gateways: number; engine: number} {
  const gateways = ['gateway-1', 'gateway-2'].map(part => cpuSeconds(site.partPid('fusion', part)));
  return {gateways: gateways[0]! + gateways[1]!, engine: cpuSeconds(site.partPid('fusion', 'engine-site'))};
}

function tellSnapshots(
  {rows}: Stage,
  all: readonly Snapshot[],
  {find, entries}: {find: number; entries: number},
): void {
  const of = (figure: (snapshot: Snapshot) => number) => median(all.map(figure));
  const scan = of(({secondsOfScan}) => secondsOfScan);
  const agent = of(({secondsOfAgent}) => secondsOfAgent);
  const beside = (seconds: number) =>
    `find: ${find.toFixed(2)} s, snapshot: ${seconds.toFixed(2)} s, median of ${all.length}`;
  rows.add({
    name: 'first snapshot: scan → loopback → committed → answerable',
    value: scan / find,
    unit: '× find -printf',
    against: `${beside(scan)}, ${entries} entries`,
    goal: {atMost: 2},
  });
  rows.add({
    name: 'the same from the start of the agent’s executable',
    value: agent / find,
    unit: '× find -printf',
    against: beside(agent),
  });
  const cpu = (part: keyof Snapshot['cpu']) => of(snapshot => snapshot.cpu[part]);
  const [payload, gateways, engine] = [cpu('payload'), cpu('gateways'), cpu('engine')];
  rows.add({
    name: 'first snapshot, processor time per million entries',
    value: ((payload + gateways + engine) * 1e6) / entries,
    unit: 's',
    against: `payload ${payload.toFixed(2)}, gateways ${gateways.toFixed(2)}, engine ${engine.toFixed(2)} s in all`,
  });
}

// ── Audits

type ScanLine = {message: string; source: string; isFull?: boolean; unchanged?: number; time: number};

async function audits(stage: Stage, site: Site, {snapshot, bare}: {snapshot: Snapshot; bare: number}): Promise<void> {
  const {rows} = stage;
  const [pid, enginePid] = [site.partPid('agent', 'payload-site'), site.partPid('fusion', 'engine-site')];
  const seen = async () => ({
    audits: scanLines(site, 'scan ends').filter(({source}) => source === 'audit').length,
    seq: (await site.status()).meta.seq,
    wire: bytesWritten(pid).all,
    disk: bytesWritten(enginePid).disk,
  });
  const figures = {skipping: [] as number[], full: [] as number[]};
  let [wire, disk, changes] = [0, 0, 0];
  for (let before = await seen(); figures.skipping.length < stage.rounds(3); ) {
    const after = await until(
      async () => {
        const now = await seen();
        return now.audits > before.audits ? now : undefined;
      },
      {timeoutMs: 120_000, everyMs: 200, what: 'an audit'},
    );
    const lines = scanLines(site).filter(({source}) => source === 'audit');
    const ended = lines.findLastIndex(({message}) => message === 'scan ends');
    const seconds = (lines[ended]!.time - lines[ended - 1]!.time) / 1000;
    figures[lines[ended]!.isFull === true ? 'full' : 'skipping'].push(seconds);
    changes += after.seq - before.seq;
    if (lines[ended]!.isFull !== true) [wire, disk] = [after.wire - before.wire, after.disk - before.disk];
    before = after;
  }
  const skipping = median(figures.skipping);
  rows.add({
    name: 'audit without changes',
    value: skipping / bare,
    unit: '× the bare walk',
    against: `audit: ${skipping.toFixed(2)} s, walk: ${bare.toFixed(2)} s`,
    goal: {atMost: 1.2},
  });
  if (figures.full.length > 0) {
    const full = median(figures.full);
    const against = `audit: ${full.toFixed(2)} s, walk: ${bare.toFixed(2)} s; every 4th is one`;
    rows.add({name: 'audit that skips nothing', value: full / bare, unit: '× the bare walk', against});
  }
  rows.add({name: 'audits without changes, entries written', value: changes, unit: 'entries', goal: {atMost: 0}});
  rows.add({
    name: 'audit without changes, wire bytes',
    value: (100 * wire) / snapshot.wireBytes,
    unit: '% of the snapshot’s',
    against: `audit: ${(wire / 1e6).toFixed(2)} MB, snapshot: ${(snapshot.wireBytes / 1e6).toFixed(1)} MB; the engine wrote ${(disk / 1e6).toFixed(2)} MB to its disk`,
    goal: {atMost: 2},
  });
}

/** What the payload logged of its scans, with the time in milliseconds. */
function scanLines(site: Site, message?: string): ScanLine[] {
  return site
    .log('agent')
    .split('\n')
    .filter(line => line.includes('"scan begins"') || line.includes('"scan ends"'))
    .map(line => JSON.parse(line) as ScanLine & {time: string})
    .filter(line => message === undefined || line.message === message)
    .map(line => ({...line, time: Date.parse(line.time)}));
}

// ── Memory, and what shells cost

async function tellMemory(
  stage: Stage,
  site: Site,
  {entries, peaks}: {entries: number; peaks: Snapshot['peaks']},
): Promise<void> {
  const {rows, folder} = stage;
  const root = join(folder, 'empty');
  mkdirSync(root, {recursive: true});
  const {site: empty} = await firstSnapshot(stage, root, '');
  const payloads = [site, empty].map(one => one.partPid('agent', 'payload-site')) as [number, number];
  const idleMs = idleMsOf(stage);
  await delay(idleMs);
  const [full, base] = payloads.map(anonymousMiB) as [number, number];
  await empty.dispose();
  rows.add({
    name: 'agent, memory a file beyond its base',
    value: bytesEach({bytes: full * 2 ** 20, base: base * 2 ** 20, count: entries}),
    unit: 'bytes',
    against: `${full.toFixed(1)} MiB of its own, with an empty tree ${base.toFixed(1)}, ${idleMs / 1000} s after the snapshot`,
    goal: {atMost: 10},
  });
  const engine = site.partPid('fusion', 'engine-site');
  for (const [part, pid] of [
    ['agent payload', payloads[0]],
    ['engine', engine],
  ] as const) {
    rows.add({name: `${part}, largest memory of its own in a snapshot`, value: peaks.get(pid) ?? 0, unit: 'MiB'});
  }
}

async function tellIdle(stage: Stage, site: Site): Promise<void> {
  const shells = (['agent', 'fusion'] as const).map(role => ({role, pid: site.pids(role)[0]!}));
  const before = shells.map(({pid}) => cpuSeconds(pid));
  const idleMs = idleMsOf(stage);
  await delay(idleMs);
  for (const [index, {role, pid}] of shells.entries()) {
    const percent = ((cpuSeconds(pid) - before[index]!) * 1e5) / idleMs;
    stage.rows.add({
      name: `shell of the ${role}, memory of its own`,
      value: anonymousMiB(pid),
      unit: 'MiB',
      goal: {atMost: 60},
    });
    const against = `over ${idleMs / 1000} s, with ${stage.tree().entries} entries in the view`;
    stage.rows.add({
      name: `shell of the ${role}, processor when idle`,
      value: percent,
      unit: '%',
      against,
      goal: {atMost: 0.2},
    });
  }
}
