import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {JsonObject} from '../exact-json.ts';
import {jsonDocument} from '../output/json.ts';
import {problemList} from '../output/problem-list.ts';
import {cell, fieldTable, table} from '../output/table.ts';
import {problemsOfViews, readRows, readSiteStatus, type SiteStatus} from '../site-status.ts';
import type {Verb} from '../verb.ts';

type Flags = {all?: boolean};

/** Exit code 1 when somebody has to act: what the controller tells, or a view that is not fed, or one of the two is away. */
export const status: Verb<Flags> = {
  name: 'status',
  summary:
    'Show what needs somebody to act, since when, and the command to type next. Of a fusion without a controller: how fresh ' +
    'and complete the views are, and who feeds them. With --view: all about one view.',
  declare: command => command.option('--all', 'also what is as it should be'),
  completes: ['nothing'],
  nameOf: ({problems}) => (Array.isArray(problems) ? problems.map(one => (one as JsonObject).subject).join('\n') : '-'),

  run: async ({client, control, view, flags, isJson, io}) => {
    const site = await readSiteStatus({client, control}, view);
    const told = [...(site.problems ?? []), ...problemsOfViews(site)];
    const urgent = told.filter(({severity}) => severity !== 'notice');
    const isHealthy = urgent.length === 0 && site.failures.length === 0;
    if (view !== undefined) await io.write(await oneView(view, site));
    else if (isJson) await io.write(jsonDocument({data: {healthy: isHealthy, problems: told, ...(await whole())}}));
    else await io.write(await page());
    if (!isJson) for (const text of notices()) io.notice(text);
    return isHealthy ? 0 : 1;

    async function oneView(name: string, {views, problems}: SiteStatus): Promise<string> {
      const own = views?.[0] ?? (await readRows(control, 'control/views'))?.find(row => row.view === name);
      if (!own) throw new FustorError('VIEW_NOT_FOUND', `There is no view "${name}".`);
      if (isJson) return jsonDocument({data: {...own, ...(problems && {problems})}});
      return fieldTable(own) + (problems?.length ? `\n${problemList(problems)}` : '');
    }

    async function whole(): Promise<{views: JsonObject[]; agents?: JsonObject[]; fusions?: JsonObject[]}> {
      const views = site.views ?? (await readRows(control, 'control/views')) ?? [];
      if (!flags.all || !site.problems) return {views};
      const [agents = [], fusions = []] = await Promise.all([
        readRows(control, 'agents'),
        readRows(control, 'fusions'),
      ]);
      return {views, agents, fusions};
    }

    async function page(): Promise<string> {
      if (!flags.all && site.problems) return urgent.length === 0 ? 'Nothing needs action.\n' : problemList(urgent);
      const {views, agents = [], fusions = []} = await whole();
      const sections = [
        site.views ? overview(viewColumns, views) : overview(controlledColumns, views),
        overview(nodeColumns, [...fusions, ...agents]),
        site.problems ? problemList(told) : '',
      ];
      return sections.filter(section => section !== '').join('\n');
    }

    function notices(): string[] {
      const noted = flags.all || view !== undefined ? [] : told.filter(({severity}) => severity === 'notice');
      return [
        ...(site.views?.length === 0 && !site.problems ? ['This key sees no view.'] : []),
        ...site.failures,
        ...noted.map(({subject, problem}) => `${cell('subject', subject)}: ${cell('problem', problem)}`),
      ];
    }
  },
};

const viewColumns = ['view', 'sync', 'complete', 'last_event_at', 'leader', 'agents', 'suspect', 'blind_spot'];
const controlledColumns = ['view', 'fusion', 'state', 'since', 'complete', 'leader', 'agents'];
const nodeColumns = ['kind', 'id', 'state', 'since'];

function overview(columns: string[], rows: JsonObject[]): string {
  if (rows.length === 0 && columns !== viewColumns) return '';
  return table(
    columns.map(column => column.replaceAll('_', ' ').toUpperCase()),
    rows.map(row => columns.map(column => cell(column, counted(row[column])))),
  );
}

function counted(value: JsonObject[string]): JsonObject[string] {
  return Array.isArray(value) ? value.length : value;
}
