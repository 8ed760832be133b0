import {columnTable} from '../columns.ts';
import {type KindName, kindNames, nameIn} from '../kinds.ts';
import {jsonDocument} from '../output/json.ts';
import {kindArgument, readAll, readOne} from '../read-kind.ts';
import type {Verb, VerbCall} from '../verb.ts';
import {wholeNumberFrom} from '../whole-number.ts';

type Flags = {limit?: number};

export const get: Verb<Flags> = {
  name: 'get',
  summary: 'List all of a kind, or show one. What is told about one alone has more: see "describe".',
  declare: command =>
    command
      .argument('<kind>', `one of ${kindNames.join(', ')}`)
      .argument('[name]', 'only this one; KIND/NAME means the same')
      .option('--limit <n>', 'at most so many', wholeNumberFrom(1)),
  printsNames: true,
  completes: [kindNames, 'name of kind', 'nothing'],
  run: call => {
    const {kindName, name} = kindArgument(call.args);
    return show(call, kindName, name);
  },
};

/** `get KIND` under a name of its own. */
export function listOf(kindName: KindName, {name, summary}: {name: string; summary: string}): Verb<Flags> {
  return {
    name,
    summary,
    declare: command => command.option('--limit <n>', 'at most so many', wholeNumberFrom(1)),
    printsNames: true,
    run: call => show(call, kindName),
  };
}

async function show({control, form, io, isJson, flags}: VerbCall<Flags>, kindName: KindName, name?: string) {
  const {kind} = kindArgument([kindName]);
  const data = name === undefined ? await readAll(control, kind, flags.limit) : await readOne(control, kind, name);
  const rows = Array.isArray(data) ? data : [data];
  const columns = form === 'wide' ? [...kind.columns, ...kind.wide] : kind.columns;
  if (form === 'name') await io.write(rows.map(row => `${kind.singular}/${nameIn(kind, row)}\n`).join(''));
  else await io.write(isJson ? jsonDocument({data}) : columnTable(rows, columns));
  if (!isJson && rows.length === 0) io.notice(`There are no ${kindName}.`);
  return 0;
}
