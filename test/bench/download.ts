import {connect} from 'node:net';

export type Download = {firstByteMs: number; totalMs: number; bytes: number};

/**
 * Asks for something and counts the bytes of the answer, on a plain socket that reads into one buffer: a client that costs nearly
 * nothing. `pauseMs`: its break after each read of 64 KiB, for one that is slow. It hangs up after `endMs`.
 */
export function download(
  url: string,
  headers: Record<string, string>,
  {pauseMs = 0, endMs = Number.POSITIVE_INFINITY}: {pauseMs?: number; endMs?: number} = {},
): Promise<Download> {
  const {hostname, port, pathname, search} = new URL(url);
  const lines = Object.entries({...headers, host: hostname, connection: 'close'}).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const request = `GET ${pathname}${search} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    let firstByteMs = 0;
    let bytes = 0;
    const onRead = (count: number, buffer: Uint8Array) => {
      if (bytes === 0) {
        firstByteMs = performance.now() - startedAt;
        const status = Buffer.from(buffer.buffer, buffer.byteOffset, count).toString('latin1').split('\r\n')[0]!;
        if (!status.startsWith('HTTP/1.1 200')) socket.destroy(new Error(`${url}: ${status}`));
      }
      bytes += count;
      if (performance.now() - startedAt > endMs) socket.destroy();
      else if (pauseMs > 0) setTimeout(() => socket.resume(), pauseMs);
      return pauseMs === 0;
    };
    const onread = {buffer: Buffer.alloc(pauseMs > 0 ? 64 * 1024 : 256 * 1024), callback: onRead};
    const socket = connect({host: hostname, port: Number(port), onread}, () => socket.write(request));
    socket.on('error', reject);
    socket.on('close', () => resolve({firstByteMs, totalMs: performance.now() - startedAt, bytes}));
  });
}
