import {type Json, parseJson} from '../exact-json.ts';
import type {Io} from '../io.ts';
import type {OutputForm} from './form-names.ts';
import {type NameOf, nameLines} from './names.ts';
import {yamlDocument} from './yaml.ts';

/** Where a verb writes its JSON documents when YAML or names are wanted. */
export function formed(io: Io, form: OutputForm, nameOf: NameOf | undefined): Io {
  const convert =
    form === 'yaml'
      ? (document: Json, isFirst: boolean) => `${isFirst ? '' : '---\n'}${yamlDocument(document)}`
      : (document: Json) => nameLines(document, {nameOf, isTerminal: io.isTerminal});
  let text = '';
  let isFirst = true;
  return {
    ...io,
    write: async data => {
      text += Buffer.from(data as string).toString();
      // No document has a line break at the end of a write but behind its end.
      if (!text.endsWith('\n')) return;
      const documents = documentsIn(text);
      text = '';
      for (const document of documents) {
        await io.write(convert(document, isFirst));
        isFirst = false;
      }
    },
  };
}

/** One, over any number of lines, or one a line. */
function documentsIn(text: string): Json[] {
  try {
    return [parseJson(text)];
  } catch {
    return text.trimEnd().split('\n').map(parseJson);
  }
}
