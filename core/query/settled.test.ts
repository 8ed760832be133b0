import {expect, test} from 'vitest';
import {hlcAt, hlcToMs, shiftHlc} from '../time/hlc.ts';
import {type Quiet, type SettledCause, settledOf, type Watcher} from './settled.ts';

const start = hlcAt(Date.UTC(2026, 0, 1));
const at = (seconds: number) => shiftHlc(start, seconds * 1_000);
const timeAt = (seconds: number) => new Date(hlcToMs(at(seconds))).toISOString();

/** Heard at 101 s, so all up to 100 s is known. */
const watcher: Watcher = {
  agent: 'node-a',
  caughtUpAt: at(101),
  isSilent: false,
  unavailable: undefined,
  coverage: {watched: 10, known: 10},
  missedAt: 0,
};
const quiet: Quiet = {
  windowMs: 30_000,
  askedAt: at(99),
  sync: 'live',
  isKnown: true,
  incomplete: undefined,
  suspects: 0,
  doubts: 0,
  changedAt: at(70),
  runs: [{since: at(0), before: 0}],
  watchers: [watcher],
  directories: 10,
  lookedAt: at(10),
};

test('quiet for as long as was asked, up to the moment that is known, is settled', () => {
  expect(settledOf(quiet)).toEqual({
    is_settled: true,
    for_s: 30,
    quiet_since: timeAt(70),
    as_of: timeAt(100),
    asked_at: timeAt(99),
    looked_at: timeAt(10),
  });
});

test('a write that is not long enough ago is told, with how long it takes at least', () => {
  expect(settledOf({...quiet, changedAt: at(88)})).toEqual({
    is_settled: false,
    for_s: 30,
    quiet_since: timeAt(88),
    as_of: timeAt(100),
    asked_at: timeAt(99),
    looked_at: timeAt(10),
    cause: 'recent_write',
    reason: `The last write was seen at ${timeAt(88)}, and node-a has told all up to ${timeAt(100)}: 12 s of 30 s.`,
    retry_after_s: 18,
  });
  expect(settledOf({...quiet, changedAt: shiftHlc(at(70), 1)}).is_settled).toBe(false);
});

const away = (changes: Partial<Watcher>) => ({watchers: [{...watcher, ...changes}]});
const follower = {...watcher, agent: 'node-b'};
const both = (changes: Partial<Watcher>) => ({watchers: [watcher, {...follower, ...changes}]});

const cases: [what: string, changes: Partial<Quiet>, cause: SettledCause | undefined, reason?: RegExp][] = [
  ['the store cannot be read', {sync: 'unreadable'}, 'unreadable'],
  ['nobody has reported anything', {sync: 'empty', watchers: []}, 'not_fed', /^No agent feeds the view: /],
  ['all agents are gone', {sync: 'stale', ...away({isSilent: true})}, 'not_fed', /since 2026-01-01T00:01:41/],
  ['the first snapshot runs', {sync: 'snapshot'}, 'unlisted', /first snapshot/],
  ['there is no such path', {isKnown: false}, 'missing'],
  ['something below has not been listed', {incomplete: '/data is not listed yet'}, 'unlisted'],
  ['an agent has lost its mount', both({unavailable: 'it is empty'}), 'unavailable', /node-b .*: it is empty\./],
  ['a gap was not read again', away({missedAt: at(11)}), 'gap', /node-a may have missed .*"fustorctl scan/],
  ['a gap was read again', away({missedAt: at(10)}), undefined],
  ['the order of two words is not known', {doubts: 1}, 'in_doubt', / 1 path is in doubt|of 1 path is/],
  ['a file is not closed', {suspects: 1}, 'suspects', /^1 file may/],
  [
    'an agent was not heard lately',
    both({caughtUpAt: at(90)}),
    'recent_write',
    /node-b has told all up to .*: 19 s of 30 s/,
  ],
  [
    'an agent has told nothing yet',
    both({caughtUpAt: undefined}),
    'recent_write',
    /nobody has told all yet: 0 s of 30 s/,
  ],
  ['a host is not watched any more', both({isSilent: true, caughtUpAt: at(90)}), 'silent_agent', /node-b is not heard/],
  ['… and a later scan has seen it quiet', {...both({isSilent: true}), lookedAt: at(100)}, undefined],
  ['only a part is watched', away({coverage: {watched: 9, known: 10}}), 'not_watched', /9 of 10 directories/],
  ['… and a scan has seen it quiet', {...away({coverage: {watched: 9, known: 10}}), lookedAt: at(100)}, undefined],
  ['nobody has told what is watched', away({coverage: undefined}), 'not_watched', /0 of 10/],
  ['an agent is still finding the directories', both({coverage: {watched: 2, known: 2}}), 'not_watched', /2 of 10/],
  ['directories were made a moment ago', {directories: 11}, undefined],
  [
    'when it changed is not known, but before the engine began',
    {changedAt: 0, runs: [{since: at(70), before: 1}]},
    undefined,
  ],
  ['… and that was not long ago', {changedAt: 0, runs: [{since: at(71), before: 1}]}, 'recent_write'],
  ['what is known is as long ago as that', {askedAt: at(130)}, undefined],
  ['what is known is longer ago', {askedAt: at(131)}, 'not_heard', /^node-a has not answered yet/],
  ['the engine does not answer', {askedAt: undefined}, 'not_heard', /^The engine of the view has not answered/],
  ['no start of an engine is known', {runs: []}, 'recent_write'],
];

test.each(cases)('when %s', (_, changes, cause, reason = /^/) => {
  const settled = settledOf({...quiet, ...changes});
  expect({is: settled.is_settled, cause: settled.cause}).toEqual({is: cause === undefined, cause});
  expect(settled.reason ?? '').toMatch(reason);
});

test('time in which no engine ran does not count: nobody knows how long it was', () => {
  const jumped = [
    {since: at(0), before: 0},
    {since: at(3_600), before: at(80)},
  ];
  const heardAt = (seconds: number) => ({
    ...quiet,
    askedAt: at(seconds),
    runs: jumped,
    ...away({caughtUpAt: at(seconds)}),
  });
  expect(settledOf(heardAt(3_620))).toMatchObject({cause: 'recent_write', retry_after_s: 1});
  expect(settledOf(heardAt(3_621)).is_settled).toBe(true);
});

test('what only an engine before this one has heard is not known to be lately', () => {
  const restarted = [
    {since: at(0), before: 0},
    {since: at(103), before: at(102)},
  ];
  expect(settledOf({...quiet, askedAt: at(104), runs: restarted})).toMatchObject({cause: 'not_heard'});
  expect(settledOf({...quiet, askedAt: at(105), runs: restarted, ...away({caughtUpAt: at(104)})}).is_settled).toBe(
    true,
  );
});

test('of starts that are forgotten nothing is known before the oldest that is not', () => {
  expect(settledOf({...quiet, changedAt: at(20), runs: [{since: at(80), before: at(79)}]})).toMatchObject({
    cause: 'recent_write',
    retry_after_s: 10,
  });
});
