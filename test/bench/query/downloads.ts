import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {connect} from 'node:net';

export const paces = ['fast', 'slow', 'stuck'] as const;
export type Pace = (typeof paces)[number];

export type Downloading = {port: number; request: string; clients: number; pace: Pace};

const slowBytes = 16 * 1024;

/** Clients that ask for something long, again and again, in a process of their own. */
export class Downloads {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when all have begun. `slow`: 16 KiB a second each. `stuck`: they ask and read nothing. */
  static async start(downloading: Downloading): Promise<Downloads> {
    const args = ['--disable-warning=ExperimentalWarning', import.meta.filename, JSON.stringify(downloading)];
    const child = spawn(process.execPath, args, {stdio: ['ignore', 'inherit', 'inherit', 'ipc']});
    await once(child, 'message');
    return new Downloads(child);
  }

  /** Bytes a second since all had begun, and how many were whole. Rejects when a server broke one off. */
  async tell(): Promise<{bytesPerSecond: number; whole: number}> {
    this.#child.send('tell');
    const [told] = (await once(this.#child, 'message')) as [{bytesPerSecond: number; whole: number; broken: number}];
    if (told.broken > 0) throw new Error(`${told.broken} downloads were broken off.`);
    return told;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }
}

function download({port, request, clients, pace}: Downloading): void {
  let [bytes, whole, broken, begun, begunAt] = [0, 0, 0, 0, 0];
  for (let i = 0; i < clients; i++) {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.once(pace === 'stuck' ? 'connect' : 'data', () => {
      if (++begun !== clients) return;
      begunAt = performance.now();
      bytes = 0;
      process.send!('begun');
    });
    socket.on('error', () => {}).once('close', () => broken++);
    if (pace === 'stuck') {
      socket.pause();
      continue;
    }
    let tail = '';
    socket.on('data', chunk => {
      bytes += chunk.length;
      tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 7))).slice(-7);
      if (tail === '\r\n0\r\n\r\n') {
        whole++;
        socket.write(request);
      }
      if (pace !== 'slow') return;
      socket.pause();
      setTimeout(() => socket.resume(), (chunk.length * 1000) / slowBytes);
    });
  }
  process.on('message', () => {
    process.send!({bytesPerSecond: (bytes * 1000) / (performance.now() - begunAt), whole, broken});
  });
  process.on('disconnect', () => process.exit());
}

if (import.meta.main) download(JSON.parse(process.argv[2]!));
