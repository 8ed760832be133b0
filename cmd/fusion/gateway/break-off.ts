import type {ServerResponse} from 'node:http';
import {TLSSocket} from 'node:tls';

export type Breakable = {destroy(): unknown} & Partial<Pick<ServerResponse, 'socket' | 'useChunkedEncodingByDefault'>>;

/**
 * Ends an answer in its middle, so that no client takes it for whole. One to a client of HTTP/1.0 is not in chunks and ends where
 * its connection does: that must be reset. Over TLS the end of the connection without the end of TLS says as much.
 */
export function breakOff(answer: Breakable): void {
  const {socket, useChunkedEncodingByDefault: isChunked = true} = answer;
  if (!isChunked && socket && !(socket instanceof TLSSocket)) socket.resetAndDestroy();
  answer.destroy();
}
