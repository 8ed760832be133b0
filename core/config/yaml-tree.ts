import {isScalar, LineCounter, type ParsedNode, parseAllDocuments} from 'yaml';
import type {Problem, SettingPath} from './mistakes.ts';
import {type Place, type TextReader, TreeReader} from './tree-reader.ts';
import {syntaxMessage} from './yaml-syntax.ts';

/** A YAML text as plain values, each of which can be found again in the text. */
export type YamlTree = {
  /** Undefined when the text could not be read at all; then `problems` says why. */
  value: unknown;
  problems: Problem[];
  /** Undefined for a setting that is not in the file. */
  place(path: SettingPath): Place | undefined;
  /** Line and column, both from 1, of an offset. */
  position(offset: number): {line: number; column: number};
};

/** YAML 1.2, one document, no tags. `readText` puts the secrets into each text. */
export function readYamlTree(text: string, readText: TextReader): YamlTree {
  const lines = new LineCounter();
  const problems: Problem[] = [];
  const reader = new TreeReader({readText, problems});
  const root = parse(text, lines, problems);
  return {
    value: root && reader.read(root),
    problems,
    place: path => reader.place(path),
    position: offset => {
      const {line, col} = lines.linePos(offset);
      return {line: Math.max(1, line), column: Math.max(1, col)};
    },
  };
}

function parse(text: string, lineCounter: LineCounter, problems: Problem[]): ParsedNode | undefined {
  // Repeated names are found by the reader, which goes on after them; values are those of YAML 1.2 whatever the text says.
  const documents = parseAllDocuments(text, {lineCounter, uniqueKeys: false, schema: 'core', prettyErrors: false});
  const [first, second] = documents;
  const error = first?.errors[0];
  const root = first?.contents;
  // One syntax error makes the parser stumble over much that follows, so only the first is told.
  if (error) problems.push({offset: error.pos[0], path: [], message: syntaxMessage(error, text)});
  else if (second) problems.push({offset: second.range[0], path: [], message: 'a second document begins here ("---")'});
  else if (!root || (isScalar(root) && root.value === null)) {
    problems.push({offset: 0, path: [], message: 'there are no settings in it'});
  } else return root;
  return undefined;
}
