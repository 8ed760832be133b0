import {existsSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {jsonDocument} from '../output/json.ts';
import {bytesText} from '../output/quantity.ts';
import type {Verb} from '../verb.ts';

type Flags = {force?: boolean};

/** The file is there whole, or not at all. */
export const backup: Verb<Flags> = {
  name: 'backup',
  summary:
    'Write all that the controller keeps, at one moment, to a file. Put as "control.mdb" into an empty data directory, beside ' +
    'a copy of "master.key" from the old one, it is the same controller. That key is not in the file: keep it apart.',
  declare: command =>
    command.argument('<file>', 'does not exist yet').option('--force', 'also in the place of one that does'),
  completes: ['file', 'nothing'],

  run: async ({control, argument, flags, isJson, io}) => {
    const file = argument!;
    if (!flags.force && existsSync(file))
      throw new FustorError('USAGE', `${file} exists already.`, {hint: 'Choose another name, or give --force.'});
    const bytes = await control.bytes('backup');
    write(file, bytes);
    const data = {file, bytes: bytes.byteLength};
    await io.write(isJson ? jsonDocument({data}) : `${file} is written: ${bytesText(bytes.byteLength)}.\n`);
    return 0;
  },
};

function write(file: string, bytes: Uint8Array): void {
  const part = `${file}.part`;
  try {
    writeFileSync(part, bytes, {mode: 0o600, flush: true});
    renameSync(part, file);
  } catch (cause) {
    rmSync(part, {force: true});
    throw new FustorError('USAGE', `Cannot write ${file}: ${(cause as Error).message}.`, {cause});
  }
}
