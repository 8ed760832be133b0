import {createHash} from 'node:crypto';
import {FustorError} from '../errors/fustor-error.ts';
import type {ApplyRecord, Setup} from './apply-planner.ts';

/**
 * What a node knows of its parts across restarts of its shell, as one text: the SHA-256 of the rest, and JSON. What was
 * applied last must be known whole, because it is what a node goes back to when nobody can be asked.
 */
export type Kept<C> = {
  records: ApplyRecord<C>[];
  /** Signature of the manifest that they are of; undefined: they are of local files. */
  manifest: string | undefined;
  /** Signature of the manifest of which every part was applied last. */
  appliedManifest: string | undefined;
};

const format = 1;

export const nothingKept = {records: [], manifest: undefined, appliedManifest: undefined};

export function encodeKept<C>({records, manifest, appliedManifest}: Kept<C>): string {
  const kept = records.map(({name, desired, lastGood, failed}) => ({name, desired, lastGood, failed}));
  const json = JSON.stringify({format, manifest, appliedManifest, records: kept});
  return `${sha256(json)}\n${json}\n`;
}

/** Throws RECORDS_DAMAGED. `isConfig` tells whether a part can be made from it: a version before may have known others. */
export function decodeKept<C>(text: string, isConfig: (config: unknown) => config is C): Kept<C> {
  const [checksum, json = '', rest] = text.split('\n');
  if (rest !== '' || sha256(json) !== checksum) throw damaged('its checksum is another one');
  const value = JSON.parse(json) as Kept<C> & {format: number};
  if (value.format !== format) throw damaged(`it has the format ${value.format}, and this program reads ${format}`);
  const usable = (setup: Setup<C> | undefined) => (setup && isConfig(setup.config) ? setup : undefined);
  return {
    manifest: value.manifest,
    appliedManifest: value.appliedManifest,
    records: value.records.map(({name, desired, lastGood, failed}) => ({
      name,
      desired: usable(desired),
      lastGood: usable(lastGood),
      failed,
      trial: undefined,
    })),
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function damaged(reason: string): FustorError {
  return new FustorError('RECORDS_DAMAGED', `What was applied last cannot be read: ${reason}.`, {
    hint: 'What is wanted is applied anew; there is nothing to go back to until that has lasted.',
  });
}
