import {spawn} from 'node:child_process';
import {setPriority} from 'node:os';
import {json} from 'node:stream/consumers';
import {percentile} from '../load.ts';
import {Connection} from './connection.ts';

export type Asking = {
  port: number;
  /** Asked in turns, on so many connections. */
  requests: string[];
  connections: number;
  durationMs: number;
  /** So many a second, when they are due; without it each connection asks again when it has its answer. */
  perSecond?: number;
};
export type Asked = {perSecond: number; bytes: number; p50Ms: number; p99Ms: number; maxMs: number};

/** Asks the same things again and again, from a process of its own. Rejects when any answer is not 200 or 304. */
export async function askAgain(asking: Asking): Promise<Asked> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', import.meta.filename, JSON.stringify(asking)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  return (await json(child.stdout)) as Asked;
}

async function ask({port, requests, connections, durationMs, perSecond}: Asking): Promise<Asked> {
  const idle = await Promise.all(Array.from({length: connections}, () => Connection.open(port)));
  const all = [...idle];
  const timesMs: number[] = [];
  let bytes = 0;
  let turn = 0;
  const one = async (connection: Connection, since = performance.now()) => {
    bytes = await connection.ask(requests[turn++ % requests.length]!);
    timesMs.push(performance.now() - since);
  };
  const startedAt = performance.now();
  const isOver = () => performance.now() - startedAt >= durationMs;
  if (perSecond === undefined) {
    await Promise.all(
      all.map(async connection => {
        while (!isOver()) await one(connection);
      }),
    );
  } else await paced(perSecond);
  const seconds = (performance.now() - startedAt) / 1000;
  for (const connection of all) connection.close();
  const [p50Ms, p99Ms, maxMs] = [0.5, 0.99, 1].map(part => percentile(timesMs, part)) as [number, number, number];
  return {perSecond: timesMs.length / seconds, bytes, p50Ms, p99Ms, maxMs};

  /** What is due and finds no connection free waits, and that counts. */
  async function paced(perSecond: number): Promise<void> {
    const due: number[] = [];
    const under: Promise<void>[] = [];
    const run = async (connection: Connection) => {
      for (let since = due.shift(); since !== undefined; since = due.shift()) await one(connection, since);
      idle.push(connection);
    };
    for (let asked = 0; !isOver(); ) {
      const now = performance.now();
      for (; asked < ((now - startedAt) * perSecond) / 1000; asked++) due.push(now);
      while (due.length > 0 && idle.length > 0) under.push(run(idle.pop()!));
      await new Promise(resolve => setTimeout(resolve, 1));
    }
    await Promise.all(under);
  }
}

if (import.meta.main) {
  const asking: Asking = JSON.parse(process.argv[2]!);
  // What is to be measured is when an answer comes, not when this process is let to look.
  if (asking.perSecond !== undefined && process.getuid?.() === 0) setPriority(-10);
  console.log(JSON.stringify(await ask(asking)));
}
