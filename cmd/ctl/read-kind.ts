import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Client} from './client.ts';
import {isObject, type JsonObject} from './exact-json.ts';
import {type Kind, type KindName, kindNamed, kindNames, nameIn} from './kinds.ts';

/** What `KIND`, `KIND NAME` or `KIND/NAME` on a command line means; throws USAGE. */
export function kindArgument(words: string[]): {kindName: KindName; kind: Kind; name: string | undefined} {
  const [first = '', second] = words;
  const slash = first.indexOf('/');
  const word = slash === -1 ? first : first.slice(0, slash);
  const found = kindNamed(word);
  if (!found) throw new FustorError('USAGE', `There is no kind "${word}"; there are ${kindNames.join(', ')}.`);
  if (slash !== -1 && second !== undefined) throw new FustorError('USAGE', 'Give either KIND NAME or KIND/NAME.');
  return {...found, name: slash === -1 ? second : first.slice(slash + 1)};
}

/** All of a kind; of one that comes in pages the newest, as many as `limit` says. */
export async function readAll(control: Client, kind: Kind, limit?: number): Promise<JsonObject[]> {
  const parameters = kind.isPaged ? {limit: limit ?? pageRows} : {};
  const {data} = await control.get(kind.path, parameters);
  const rows = Array.isArray(data) ? data.filter(isObject) : [];
  return limit === undefined ? rows : rows.slice(0, limit);
}

const pageRows = 100;

/** One of a kind. Throws NOT_FOUND, or what the server says. */
export async function readOne(control: Client, kind: Kind, name: string): Promise<JsonObject> {
  if (kind.hasOwnPages) {
    const {data} = await control.get(`${kind.path}/${name.split('/').map(encodeURIComponent).join('/')}`);
    return isObject(data) ? data : {};
  }
  const rows = await readAll(control, kind);
  const found = rows.find(row => nameIn(kind, row) === name);
  if (found) return found;
  throw new FustorError('NOT_FOUND', `There is no ${kind.singular} "${name}".`, {
    hint: `Run "fustorctl get ${kind.path.split('/').at(-1)}" to see what there is.`,
  });
}
