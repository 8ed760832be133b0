import type {HttpBindings} from '@hono/node-server';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {GatewayContext} from './app.ts';

/** Of all requests that a gateway is reading or handing on at a time. */
const roomBytesMax = 256 * 2 ** 20;

/**
 * The bodies of requests, which are in memory as a whole until the engine has answered. Each costs what has arrived of it, so
 * one that is sent slowly holds nobody up; all together have a limit, above which the one that would pass it is read to its
 * end, kept by nobody, and told to come again.
 */
export class Bodies {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax = roomBytesMax) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Runs `use` with the body of a request; it counts until that has settled. Throws BAD_REQUEST for a body of more than
   * `bytesMax` or one that breaks off, and OVERLOADED.
   */
  async with<T>(context: GatewayContext, bytesMax: number, use: (body: Buffer) => Promise<T>): Promise<T> {
    const held = {bytes: 0};
    try {
      return await use(await this.#read(context, bytesMax, held));
    } finally {
      this.#bytes -= held.bytes;
    }
  }

  async #read(context: GatewayContext, bytesMax: number, held: {bytes: number}): Promise<Buffer> {
    if (Number(context.req.header('content-length') ?? 0) > bytesMax) throw tooLong(bytesMax);
    const chunks: Buffer[] = [];
    let length = 0;
    let isLeftOut = false;
    for await (const chunk of chunksOf(context)) {
      length += chunk.byteLength;
      if (length > bytesMax) throw tooLong(bytesMax);
      isLeftOut ||= this.#bytes + chunk.byteLength > this.#bytesMax;
      if (isLeftOut) {
        chunks.length = 0;
        this.#bytes -= held.bytes;
        held.bytes = 0;
        continue;
      }
      chunks.push(chunk);
      this.#bytes += chunk.byteLength;
      held.bytes += chunk.byteLength;
    }
    if (!isLeftOut) return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    throw new FustorError('OVERLOADED', 'The gateway holds as much as it may of what others have sent.', {
      hint: 'Send it again in a moment; queries go on meanwhile.',
    });
  }
}

async function* chunksOf(context: GatewayContext): AsyncGenerator<Buffer> {
  const incoming = (context.env as Partial<HttpBindings> | undefined)?.incoming;
  if (!incoming) {
    yield Buffer.from(await context.req.arrayBuffer());
    return;
  }
  try {
    // Not destroyed when it is left early: its connection is still to carry the answer.
    yield* incoming.iterator({destroyOnReturn: false});
  } catch (cause) {
    throw new FustorError('BAD_REQUEST', 'The request broke off within its body.', {cause});
  }
}

function tooLong(bytesMax: number): FustorError {
  return new FustorError('BAD_REQUEST', `The body is larger than ${bytesMax} bytes.`, {hint: 'Send less at a time.'});
}
