import {randomBytes} from 'node:crypto';
import {systemClock} from '../../../cmd/system-clock.ts';
import type {Log} from '../../../core/log/log.ts';
import {MemorySpool} from '../../../core/pipe/memory-spool.ts';
import {Pipe} from '../../../core/pipe/pipe.ts';
import type {Source} from '../../../core/source/source.ts';
import {FusionSender} from '../../../drivers/sender-fusion/fusion-sender.ts';
import type {Site} from '../../lib/site.ts';

const log: Log = {debug() {}, info() {}, warn: console.warn, error: console.error, child: () => log};

/** Feeds the view of a site from a source, through a pipe and over HTTP as an agent does, until it is ended. */
export function feed(site: Site, source: Source): {end(): Promise<void>} {
  const stop = new AbortController();
  const pipe = new Pipe(
    {
      ...{
        name: 'site',
        view: 'site',
        agentId: 'bench',
        instance: randomBytes(8).toString('hex'),
        sourcePath: '/made-up',
      },
      ...{auditIntervalMs: 1e9, sentinelIntervalMs: 1e9, fullAuditEvery: 4},
      // As an agent's, where its configuration says nothing.
      ...{batchEventsMax: 2000, batchBytesMax: 1_048_576, batchDelayMs: 5, windowBatches: 4},
    },
    {
      source,
      sender: new FusionSender({url: site.url, key: 'key-of-the-agents', requestTimeoutMs: 30_000}),
      spool: new MemorySpool(),
      clock: systemClock,
      random: Math.random,
      log,
    },
  );
  const running = pipe.run(stop.signal);
  return {
    end: () => {
      stop.abort();
      return running;
    },
  };
}
