import {readdirSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {durationText} from '../output/quantity.ts';
import type {Check, Finding} from './finding.ts';
import type {HostFacts} from './host-facts.ts';
import type {Place} from './place.ts';

/** No right clock shows an earlier time: this program was not written yet. */
const earliestMs = Date.UTC(2026, 0, 1);
/** Certificates and people's sense of order bear less than a minute. */
const offsetMaxMs = 10_000;
/** What was written last may be so much later than now, on file systems with clocks of their own. */
const futureMaxMs = 60_000;

const setIt = 'Set it: timedatectl set-ntp true (or chronyc makestep), and see that a time server is reached.';

/** Data needs no right clock; certificates, logs and whoever reads them do. */
export const checkClock: Check = {
  name: 'clock',
  find: (place, facts) => [...offline(place, facts), ...againstServers(place), ...synchronised(facts)],
};

function offline({homes}: Place, facts: HostFacts): Finding[] {
  const nowMs = facts.nowMs();
  const subject = 'the clock of this host';
  if (nowMs < earliestMs) {
    return [
      {subject, problem: `It shows ${new Date(nowMs).toISOString()}, before this program was made.`, remedy: setIt},
    ];
  }
  const newestMs = Math.max(0, ...homes.flatMap(({data}) => modificationTimes(data)));
  if (newestMs <= nowMs + futureMaxMs) return [];
  const problem = `It shows ${new Date(nowMs).toISOString()}, ${durationText(newestMs - nowMs)} before Fustor last wrote here.`;
  return [{subject, problem, remedy: setIt}];
}

function modificationTimes(data: string): number[] {
  try {
    return [data, join(data, 'run')].flatMap(directory =>
      readdirSync(directory).flatMap(name => statSync(join(directory, name), {throwIfNoEntry: false})?.mtimeMs ?? []),
    );
  } catch {
    return [];
  }
}

function againstServers({servers}: Place): Finding[] {
  return servers.flatMap(({url, clockOffsetMs = 0, clockDoubtMs = 0}) => {
    if (Math.abs(clockOffsetMs) - clockDoubtMs <= offsetMaxMs) return [];
    const way = clockOffsetMs > 0 ? 'behind' : 'ahead of';
    const problem = `The clock of this host is ${durationText(Math.round(Math.abs(clockOffsetMs)))} ${way} that of ${url}.`;
    return [{subject: url, problem, remedy: `Find out which is wrong (date -u on both). ${setIt}`}];
  });
}

function synchronised(facts: HostFacts): Finding[] {
  if (facts.isClockSynchronised() !== false) return [];
  if (facts.readText('/run/systemd/timesync/synchronized') !== undefined) return [];
  const problem = 'Nothing keeps it right: it is not synchronised with a time server.';
  return [{subject: 'the clock of this host', problem, remedy: setIt, isNotice: true}];
}
