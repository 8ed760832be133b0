import {FustorError} from '../../../core/errors/fustor-error.ts';
import {columnTable} from '../columns.ts';
import {contextsPath, listContexts, useContext} from '../contexts.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';

/** Keys are not shown, only whether there is one. */
export const configContexts: Verb<object> = {
  name: 'config contexts',
  summary: 'List the contexts: sites, with where their fusion and controller are. The current one is marked.',
  declare: () => {},
  isLocal: true,
  completes: ['nothing'],

  run: async ({isJson, io}) => {
    const data = listContexts(io.env).map(({name, isCurrent, endpoint, controller, view, key}) => ({
      ...{name, current: isCurrent, endpoint: endpoint ?? null, controller: controller ?? null, view: view ?? null},
      has_key: key !== undefined,
    }));
    const columns = [
      ['', row => (row.current ? '*' : '')],
      ['NAME', 'name'],
      ['ENDPOINT', 'endpoint'],
      ['CONTROLLER', 'controller'],
      ['VIEW', 'view'],
      ['KEY', row => (row.has_key ? 'yes' : 'no')],
    ] satisfies Parameters<typeof columnTable>[1];
    await io.write(isJson ? jsonDocument({data}) : columnTable(data, columns));
    if (!isJson && data.length === 0)
      io.notice(`There are none: write them into ${contextsPath(io.env) ?? 'contexts.yaml'}.`);
    return 0;
  },
};

export const configUse: Verb<object> = {
  name: 'config use',
  summary: 'Make a context the current one: what is asked when nothing else is said.',
  declare: command => command.argument('<context>', 'its name'),
  isLocal: true,
  completes: ['context', 'nothing'],

  run: async ({argument, isJson, io}) => {
    const found = listContexts(io.env).some(({name}) => name === argument);
    if (!found) {
      throw new FustorError('USAGE', `There is no context "${argument}".`, {hint: 'Run "fustorctl config contexts".'});
    }
    useContext(argument!, io.env);
    await io.write(
      isJson ? jsonDocument({data: {name: argument, current: true}}) : `${argument} is the current context.\n`,
    );
    return 0;
  },
};
