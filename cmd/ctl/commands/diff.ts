import {filesDiff} from '../../../core/site/file-changes.ts';
import {diffText} from '../output/diff-text.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';
import {declareFiles, type FileFlags, givenFiles} from './file-flags.ts';

/** Exit code 0 when files and desired state are the same, 1 when they differ. Nothing is sent. */
export const diff: Verb<FileFlags> = {
  name: 'diff',
  summary: 'Show how files differ from the desired state, as a unified diff. Exit code 1 when they do.',
  declare: command => declareFiles(command),
  completes: ['nothing'],

  run: async call => {
    const {form, isJson, io} = call;
    const {current, wanted} = await givenFiles(call);
    const before = new Map(Object.entries(current.files));
    const after = new Map(Object.entries(wanted));
    const text = filesDiff(before, after);
    const paths = [...new Set([...before.keys(), ...after.keys()])].filter(
      path => before.get(path) !== after.get(path),
    );
    const data = {revision: current.revision, files: paths.sort(), diff: text};
    if (form === 'name') await io.write(data.files.map(path => `${path}\n`).join(''));
    else await io.write(isJson ? jsonDocument({data}) : diffText(text, io));
    return text === '' ? 0 : 1;
  },
  printsNames: true,
};
