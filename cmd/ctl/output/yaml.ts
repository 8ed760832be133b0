import {Scalar, stringify} from 'yaml';
import {type ExactNumber, isExactNumber} from '../exact-json.ts';

/** An answer or an error as a YAML document. What older readers of YAML would not take for a text is quoted. */
export function yamlDocument(value: unknown): string {
  return stringify(value, {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    compat: 'yaml-1.1',
    customTags: [exactNumber],
  });
}

/** A number that a double cannot repeat, with the digits that it came with. */
const exactNumber = {
  tag: 'tag:yaml.org,2002:float',
  default: true as const,
  identify: isExactNumber,
  resolve: (text: string) => text,
  createNode: (_: unknown, value: unknown) => new Scalar(value),
  stringify: ({value}: {value: unknown}) => (value as ExactNumber).rawJSON,
};
