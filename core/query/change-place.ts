import {fromBytes, toBytes} from '../entry/byte-string.ts';
import {isPath, type Path} from '../entry/path.ts';

/** How far somebody has read the changes. */
export type ChangePlace = {
  /** All changes up to this one were told. */
  seq: number;
  /** Up to this `seq`, what was told of directories that came from elsewhere may be ahead of the changes; else 0. */
  ahead: number;
  /** The change behind `seq` brought a directory, which was told up to this path. */
  until: Path | undefined;
};

/** `1234`, and what else there is to say: it may be sent in place of a `seq` everywhere. */
export function encodeChangePlace({seq, ahead, until}: ChangePlace): string {
  if (until !== undefined) return `${seq}.${ahead}.${toBytes(until).toString('base64url')}`;
  return ahead > seq ? `${seq}.${ahead}` : String(seq);
}

/** Undefined when it is none. */
export function decodeChangePlace(text: string): ChangePlace | undefined {
  const match = /^(\d{1,15})(?:\.(\d{1,15})(?:\.([\w-]+))?)?$/.exec(text);
  if (!match) return undefined;
  const until = match[3] === undefined ? undefined : fromBytes(Buffer.from(match[3], 'base64url'));
  if (until !== undefined && !isPath(until)) return undefined;
  return {seq: Number(match[1]), ahead: Number(match[2] ?? 0), until};
}
