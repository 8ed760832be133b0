import {createServer} from 'node:http';
import {text} from 'node:stream/consumers';
import {getHeapStatistics} from 'node:v8';
import {listenUnix} from '../../cmd/unix-socket.ts';

/** A part as shells start them, which then does as its configuration says. */
const {socket, does} = JSON.parse(await text(process.stdin)) as {socket: string; does: string};

let answers = 0;
const kept: Buffer[] = [];
/** A gibibyte, in pieces of 8 MiB. */
const leakedMax = 128;
const server = createServer((_, response) => {
  const work = {done: 0, pending: does === 'stall' ? 1 : 0};
  response.end(JSON.stringify({data: {part: 'test', pid: process.pid, work}}));
  if (++answers === 2) setImmediate(misbehave);
});
await listenUnix(server, socket);
process.on('SIGTERM', () => process.exit(0));

function misbehave(): void {
  switch (does) {
    case 'spin':
      for (;;) answers++;
    case 'exit':
      process.stderr.write('cannot go on\n');
      process.exit(3);
      break;
    case 'crash':
      process.kill(process.pid, 'SIGSEGV');
      break;
    case 'leak':
      // Not without end: nobody stops it when the test itself was killed.
      setInterval(() => kept.length < leakedMax && kept.push(Buffer.alloc(8 * 2 ** 20, 1)), 20);
      break;
    case 'exhaust': {
      const all: object[][] = [];
      while (getHeapStatistics().heap_size_limit > 0) all.push(Array.from({length: 1e5}, (_, i) => ({i})));
      break;
    }
    default:
  }
}
