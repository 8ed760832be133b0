import {readFileSync} from 'node:fs';
import {createInterface} from 'node:readline/promises';

/** What a verb may touch of its process. */
export type Io = {
  env: NodeJS.ProcessEnv;
  /** Waits while the reader is slow; rejects with EPIPE when it has gone. */
  write(data: string | Uint8Array): Promise<void>;
  /** A line on stderr, for people. */
  notice(text: string): void;
  /** Whether the output is read by eyes. */
  isTerminal: boolean;
  /** Shows how far something is, in place of what it showed before; without text, nothing. Only where eyes read stderr. */
  progress?: ((text: string) => void) | undefined;
  /** Everything that comes on stdin. */
  readInput?: () => string;
  /** Has a person answer a line; absent where there is none. */
  ask?: ((question: string) => Promise<string>) | undefined;
};

export function processIo(): Io {
  // A failed write is also told to its callback; without a listener it would end the process as a bug.
  process.stdout.on('error', () => {});
  return {
    env: process.env,
    write: data =>
      new Promise((resolve, reject) => process.stdout.write(data, error => (error ? reject(error) : resolve()))),
    notice: text => void process.stderr.write(`${text}\n`),
    isTerminal: process.stdout.isTTY === true,
    readInput: () => readFileSync(0, 'utf8'),
    ask: process.stdin.isTTY && process.stderr.isTTY ? askPerson : undefined,
    progress: process.stderr.isTTY ? text => void process.stderr.write(`\r\x1b[K${text}`) : undefined,
  };
}

async function askPerson(question: string): Promise<string> {
  const lines = createInterface({input: process.stdin, output: process.stderr});
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}
