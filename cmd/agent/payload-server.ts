import {createServer, type Server} from 'node:http';
import {fromText} from '../../core/entry/byte-string.ts';
import {normalizePath} from '../../core/entry/path.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Pipe} from '../../core/pipe/pipe.ts';

/** A payload for its shell: `POST /scan?path=…` has a path scanned; anything else tells how it is. */
export function createPayloadServer({pipe, health}: {pipe: Pick<Pipe, 'scanNow'>; health: () => object}): Server {
  return createServer((request, response) => {
    const {pathname, searchParams} = new URL(request.url!, 'http://payload');
    let status = 200;
    let body: unknown;
    try {
      const isScan = request.method === 'POST' && pathname === '/scan';
      body = {data: isScan ? scan(pipe, searchParams.get('path') ?? '/') : health()};
    } catch (error) {
      if (!(error instanceof FustorError)) throw error;
      ({status} = error);
      body = error.toBody();
    }
    response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify(body));
  });
}

function scan(pipe: Pick<Pipe, 'scanNow'>, written: string): {done: string} {
  const path = normalizePath(fromText(written));
  if (path === undefined) throw new FustorError('BAD_REQUEST', `"${written}" is not a path below the source.`);
  if (pipe.scanNow(path)) return {done: `The scan of ${written} begins; the jobs of the view tell how it goes.`};
  throw new FustorError(
    'COMMAND_FAILED',
    'This pipe does not lead its view now, so nothing that it scans would count.',
    {
      hint: 'Order the scan of the view itself, or of the agent that leads.',
    },
  );
}
