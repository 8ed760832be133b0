import {isObject, type JsonObject} from '../exact-json.ts';
import {escapeName} from './escape.ts';
import {nodePage, partDeath} from './node-page.ts';
import {cell, fieldTable, table} from './table.ts';
import {yamlDocument} from './yaml.ts';

/** One thing: what it should be, and what is heard of it. Null where nothing is known. */
export type Description = {
  kind: string;
  name: string;
  desired: JsonObject | null;
  actual: JsonObject | null;
  problems: JsonObject[];
};

/** For eyes, in sections. What an operator does next comes last: there the eye is when it was printed. */
export function describePage({kind, name, desired, actual, problems}: Description): string {
  const isCompared = comparedKinds.includes(kind);
  const sections = {
    Desired: desired
      ? visible(yamlDocument(desired))
      : isCompared
        ? 'Nothing in the desired state has this name.\n'
        : '',
    Actual: actual ? actualText(actual) : isCompared ? 'Nothing was ever heard of it.\n' : '',
    'Last failure': isCompared ? failures(actual) : '',
    'Last words': actual ? partDeath({name, ...actual}) : '',
    Next: next(problems),
  };
  const shown = Object.entries(sections).filter(([, text]) => text !== '');
  const texts = shown.map(([heading, text]) => `${heading}:\n${indented(text)}`);
  return [`${kind}/${escapeName(Buffer.from(name))}\n`, ...texts].join('\n');
}

/** What is both wanted and heard of. */
const comparedKinds = ['agent', 'fusion', 'pipe', 'view'];

/** Without what has a section of its own. */
function actualText(actual: JsonObject): string {
  if (Array.isArray(actual.parts)) return nodePage(actual);
  const {last_failed: _failed, last_death: _death, ...rest} = actual;
  return fieldTable(rest);
}

function failures(actual: JsonObject | null): string {
  const config = isObject(actual?.config) ? actual.config : undefined;
  const parts = Array.isArray(config?.parts) ? config.parts.filter(isObject) : [];
  const found = [
    ...failure('configuration', config?.last_failed ?? actual?.last_failed),
    ...parts.flatMap(part => failure(cell('name', part.name), part.last_failed)),
  ];
  return found.length === 0 ? 'none\n' : table(['OF', 'AT', 'REASON'], found);
}

function failure(of: string, last: unknown): string[][] {
  return isObject(last) ? [[of, cell('at', last.at), cell('reason', last.reason)]] : [];
}

function next(problems: JsonObject[]): string {
  if (problems.length === 0) return 'Nothing needs to be done.\n';
  return problems
    .map(
      ({problem, since, next: command}) =>
        `${cell('problem', problem)} (since ${cell('since', since)})\n  ${cell('next', command)}\n`,
    )
    .join('');
}

function visible(text: string): string {
  return text
    .split('\n')
    .map(line => escapeName(Buffer.from(line)))
    .join('\n');
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
