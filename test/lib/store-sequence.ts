import {dlopen} from 'node:ffi';
import {writeSync} from 'node:fs';
import type {FsEvent} from '../../core/protocol/events.ts';
import {ingest, tick} from '../../core/session/ingest.ts';
import {requestScan} from '../../core/session/jobs.ts';
import {endSession, getSession, openSession, readSessions} from '../../core/session/session.ts';
import {hlcAt} from '../../core/time/hlc.ts';
import {onlyRun} from '../../core/tree/context.ts';
import {reviewSuspects} from '../../core/tree/suspects.ts';
import {forgetTombstones} from '../../core/tree/tombstones.ts';
import type {TreeRead, TreeStore, TreeWrite} from '../../core/tree/tree-store.ts';
import {openTreeStore} from '../../store/tree-store.ts';
import {Prng} from './prng.ts';
import {directory, listing, look, move, path, remove, second, settings, start, upsert} from './view.ts';

/**
 * What an engine writes in its life, as a sequence of commits that depend on nothing but their number and what is stored: two
 * sessions, a snapshot, realtime events, audits, housekeeping, a session that ends. As a program it goes on with the
 * sequence from what is stored: `node store-sequence.ts FOLDER`; it tells each commit that is acknowledged, one to a line.
 */
export const commits = Number(process.env.FUSTOR_COMMITS ?? 18);
/** Of every store that does the sequence, so that all come to the same bytes. */
export const newId = 'sequence';
const stepName = 'step';
const agents = ['a', 'b'] as const;
type Agent = (typeof agents)[number];

/** How many commits of the sequence are stored. */
export function storedCommits(txn: TreeRead): number {
  return txn.state<number>(stepName) ?? 0;
}

/** Does the next commit of the sequence; some consist of several bodies, of which one may throw. */
export async function doNextCommit(store: TreeStore): Promise<void> {
  const step = store.read(storedCommits) + 1;
  const done = await Promise.allSettled(bodiesOf(step).map(body => store.write(body)));
  const failed = done.find(({status}) => status === 'rejected') as PromiseRejectedResult | undefined;
  if (failed && failed.reason !== onPurpose) throw failed.reason;
}

const onPurpose = new Error('on purpose');

/** What the commit consists of, in order. */
export function bodiesOf(step: number): ((txn: TreeWrite) => void)[] {
  const random = new Prng(step);
  const nowMs = start + step * 10 * second;
  const counted = (body: (txn: TreeWrite) => void) => (txn: TreeWrite) => {
    body(txn);
    txn.putState(stepName, step);
  };
  const told = (agent: Agent, events: (txn: TreeRead) => FsEvent[]) =>
    counted(txn => tellEvents(txn, agent, events(txn), nowMs));
  if (step === 1) return [counted(txn => openSessions(txn, nowMs))];
  if (step === 2) return [told('a', txn => snapshot(evidenceOf(txn, nowMs)))];
  if (step === commits) return [counted(txn => endSession(txn, sessionOf('a'), nowMs))];
  if (step % 6 === 0) return [counted(txn => keepHouse(txn, nowMs))];
  if (step % 5 === 0) return [told('a', txn => audit(random, evidenceOf(txn, nowMs)))];
  if (step % 4 === 0) {
    const failing = (txn: TreeWrite) => {
      tellEvents(txn, 'a', realtime(random), nowMs);
      throw onPurpose;
    };
    return [told('b', () => realtime(random)), failing, told('a', () => realtime(random))];
  }
  return [told(random.pick(agents)!, () => realtime(random))];
}

function sessionOf(agent: Agent): string {
  return `v.${agent}`;
}

function openSessions(txn: TreeWrite, nowMs: number): void {
  for (const agent of agents) {
    const request = {view: 'v', schema: 'fs', agent_id: agent, pipe: 'p', instance: 'i'} as const;
    openSession(txn, request, {id: sessionOf(agent), key: 'k', nowMs, timeoutMs: 30 * second});
  }
  tick(txn, nowMs);
}

function tellEvents(txn: TreeWrite, agent: Agent, events: FsEvent[], nowMs: number): void {
  const session = sessionOf(agent);
  const number = getSession(txn, session).lastBatch + 1;
  const batch = {session, number, sentAt: 0, heard: undefined, events};
  ingest(txn, batch, {arrival: {viewMs: nowMs, wallMs: nowMs, run: onlyRun}, settings});
}

function evidenceOf(txn: TreeRead, nowMs: number): number {
  return readSessions(txn).length === 0 ? 0 : hlcAt(nowMs - second);
}

const topNames = ['d0', 'd1', 'd2', 'd3'];
const names = Array.from({length: 12}, (_, i) => `n${i}`);
const scan = {source: 'snapshot', scan: 's', path: path('/')} as const;

/** So much that the map grows. */
function snapshot(evidence: number): FsEvent[] {
  const many = Object.fromEntries(Array.from({length: 2_500}, (_, i) => [`file-${i}-${'long'.repeat(20)}`, {}]));
  return [
    {kind: 'phase', phase: 'scan_begin', ...scan},
    listing('/', Object.fromEntries(topNames.map(name => [name, directory])), evidence, 'snapshot'),
    ...topNames.map(top => listing(`/${top}`, {n0: directory, n1: {}, n2: {}}, evidence, 'snapshot')),
    listing('/d3/n0', many, evidence, 'snapshot'),
    {kind: 'phase', phase: 'scan_end', ...scan, isComplete: true, reason: undefined},
  ];
}

function audit(random: Prng, evidence: number): FsEvent[] {
  return topNames.flatMap(top => {
    const seen = names.filter(() => random.next() < 0.6);
    const ctime = () => start / 1000 + random.below(300);
    const found = Object.fromEntries(
      seen.map(name => [name, name === 'n0' ? directory : {ctime: ctime(), size: random.below(1e6)}]),
    );
    return [
      listing(`/${top}`, found, evidence),
      look(`/${top}/${random.pick(names)}`, random.next() < 0.5 ? undefined : {}, evidence),
    ];
  });
}

function realtime(random: Prng): FsEvent[] {
  const somewhere = () =>
    `/${[random.pick(topNames), random.pick(names), random.pick(names)].slice(0, 1 + random.below(3)).join('/')}`;
  return Array.from({length: 12}, (): FsEvent => {
    const at = somewhere();
    const ctime = start / 1000 + random.below(300);
    switch (random.below(6)) {
      case 0:
        return remove(at);
      case 1:
        return move(at, somewhere());
      case 2:
        return upsert(at, {...directory, ctime});
      default:
        return upsert(at, {ctime, size: random.below(1e6)}, random.next() < 0.5);
    }
  });
}

function keepHouse(txn: TreeWrite, nowMs: number): void {
  const now = tick(txn, nowMs);
  reviewSuspects(txn, {now, thresholdMs: settings.hotFileThresholdMs, limit: 10});
  forgetTombstones(txn, {until: hlcAt(nowMs - 60 * second), after: undefined, limit: 5});
  txn.collect(3);
  requestScan(txn, {id: `job-${nowMs}`, path: path('/d1'), isRecursive: true, key: 'k', nowMs});
}

if (import.meta.main) {
  // The library that counts calls is told where commits begin and end.
  const faults = process.env.FUSTOR_FAULTS_LIBRARY;
  const mark =
    faults === undefined
      ? () => {}
      : dlopen(faults, {faults_mark: {arguments: ['i64'], return: 'void'}}).functions.faults_mark;
  const store = await openTreeStore(process.argv[2]!, {newId});
  for (;;) {
    const done = store.read(storedCommits);
    mark(BigInt(done));
    if (done === commits) break;
    await doNextCommit(store);
    writeSync(1, `${done + 1}\n`);
  }
  await store.close();
}
