import {readFileSync} from 'node:fs';

/** The calls that wrote to a store's file, as the library logged them: `shim.c`. */
export type Call = {type: 'write'; offset: number; data: Buffer; isDurable: boolean} | {type: 'flush'};

export type CallLog = {
  calls: Call[];
  /** How many calls had been made when the sequence had done as many commits as the index says. */
  commits: number[];
};

const types = ['', 'write', 'flush', 'truncate', 'mapped flush', 'mark'] as const;
const headerBytes = 16;

export function readCallLog(path: string): CallLog {
  const bytes = readFileSync(path);
  const log: CallLog = {calls: [], commits: []};
  for (let at = 0; at < bytes.length; ) {
    const type = types[bytes[at]!];
    const isDurable = bytes[at + 1] === 1;
    const length = bytes.readUInt32LE(at + 4);
    const offset = Number(bytes.readBigUInt64LE(at + 8));
    const data = bytes.subarray(at + headerBytes, at + headerBytes + length);
    at += headerBytes + length;
    if (type === 'write') log.calls.push({type, offset, data, isDurable});
    else if (type === 'flush') log.calls.push({type});
    else if (type === 'mark') log.commits[offset] = log.calls.length;
    else throw new Error(`The store is written by a call that no file can be made from again: ${type}.`);
  }
  return log;
}

/** The file as these writes leave it, in order. */
export function imageOf(writes: readonly {offset: number; data: Buffer}[]): Buffer {
  const image = Buffer.alloc(Math.max(0, ...writes.map(({offset, data}) => offset + data.length)));
  for (const {offset, data} of writes) data.copy(image, offset);
  return image;
}
