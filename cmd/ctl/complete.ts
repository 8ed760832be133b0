import type {Command, Option} from 'commander';
import {Client} from './client.ts';
import type {Completion} from './completion.ts';
import {type ConnectionFlags, chooseTarget} from './connection.ts';
import {listContexts} from './contexts.ts';
import {isObject, type JsonObject} from './exact-json.ts';
import {type KindName, kindNamed, nameIn} from './kinds.ts';
import {readAll, readOne} from './read-kind.ts';
import {declared} from './verb.ts';
import {findVerb, verbTable} from './verb-table.ts';

/** Stands among the candidates where the shell is to add the files that it sees itself. */
export const filesMark = ':files';

/** A person waits for it. */
const askMs = 1_000;

/** What the last of these words, as far as it is typed, can become. What cannot be found out in a moment is left out. */
export async function candidates(typed: string[], env: NodeJS.ProcessEnv): Promise<string[]> {
  const {words, prefix} = splitFlags(typed);
  const partial = words.at(-1) ?? '';
  const found = await all(words, env);
  return found
    .filter(word => word === filesMark || word.startsWith(partial))
    .map(word => (word === filesMark ? word : prefix + word));
}

/** `--flag=value` as two words, also where bash has made three of it. `prefix`: what must stay before the last one. */
function splitFlags(typed: string[]): {words: string[]; prefix: string} {
  const last = /^(--[^=]+=)(.*)$/s.exec(typed.at(-1) ?? '');
  const words = typed.flatMap((word, at) => {
    if (word === '=') return at === typed.length - 1 ? [''] : [];
    return /^--[^=]+=/.test(word) ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] : [word];
  });
  return {words, prefix: last?.[1] ?? ''};
}

async function all(words: string[], env: NodeJS.ProcessEnv): Promise<string[]> {
  if (words.length <= 1) return [...Object.keys(verbTable), '--help', '--version'];
  const noun = Object.hasOwn(verbTable, words[0]!) ? verbTable[words[0]!]! : undefined;
  if (noun && 'verbs' in noun && words.length === 2) return [...Object.keys(noun.verbs), '--help'];
  const found = findVerb(words);
  if (!found) return [];
  const verb = await found.entry.load();
  const command = declared(verb);
  const given = words.slice(found.length, -1);
  const server = new Server(command, given, env);

  const flag = optionBefore(command, given.at(-1));
  if (flag) return ofFlag(flag, server);
  if (words.at(-1)!.startsWith('-')) {
    return [...command.options.flatMap(({long, short}) => long ?? short ?? []), '--help'];
  }
  const place = positionals(command, given);
  const {completes = []} = verb;
  const completion = completes[Math.min(place.length, completes.length - 1)];
  return ofArgument(completion, {place, partial: words.at(-1)!, server, kindOfNode: words[0]!});
}

/** The flag that waits for its value. */
function optionBefore(command: Command, word: string | undefined): Option | undefined {
  if (word === undefined) return undefined;
  return command.options.find(option => option.required && (option.long === word || option.short === word));
}

function positionals(command: Command, given: string[]): string[] {
  return given.filter((word, at) => !word.startsWith('-') && !optionBefore(command, given[at - 1]));
}

async function ofFlag({long, argChoices}: Option, server: Server): Promise<string[]> {
  if (argChoices) return argChoices;
  if (long === '--view' || long === '--views') return server.names('views');
  if (long === '--context') return server.contexts();
  return fileFlags.has(long ?? '') ? [filesMark] : [];
}

const fileFlags = new Set(['--file', '--ca', '--config', '--bootstrap', '--data']);

type Place = {place: string[]; partial: string; server: Server; kindOfNode: string};

async function ofArgument(
  completion: Completion | undefined,
  {place, partial, server, kindOfNode}: Place,
): Promise<string[]> {
  if (completion === undefined || completion === 'nothing') return [];
  if (completion === 'file') return [filesMark];
  if (completion === 'context') return server.contexts();
  if (completion === 'part of node') return server.partsOf(kindOfNode, place[0]!);
  if (completion === 'name of kind') return server.namesOf(place[0]!);
  if ('kind' in completion) return server.names(completion.kind);
  const slash = partial.indexOf('/');
  if (slash === -1) return [...completion];
  const kind = partial.slice(0, slash);
  return (await server.namesOf(kind)).map(name => `${kind}/${name}`);
}

/** The server that the command line means, with what it says in time. */
class Server {
  readonly #command: Command;
  readonly #given: string[];
  readonly #env: NodeJS.ProcessEnv;

  constructor(command: Command, given: string[], env: NodeJS.ProcessEnv) {
    this.#command = command;
    this.#given = given;
    this.#env = env;
  }

  contexts(): string[] {
    try {
      return listContexts(this.#env).map(({name}) => name);
    } catch {
      return [];
    }
  }

  namesOf(word: string): Promise<string[]> {
    const found = kindNamed(word);
    return found ? this.names(found.kindName) : Promise.resolve([]);
  }

  names(kindName: KindName): Promise<string[]> {
    const {kind} = kindNamed(kindName)!;
    return this.#ask(async control => (await readAll(control, kind)).map(row => nameIn(kind, row)));
  }

  partsOf(kindOfNode: string, name: string): Promise<string[]> {
    const found = kindNamed(kindOfNode);
    if (!found) return Promise.resolve([]);
    return this.#ask(async control => {
      const {parts} = await readOne(control, found.kind, name);
      const rows: JsonObject[] = Array.isArray(parts) ? parts.filter(isObject) : [];
      return rows.map(part => String(part.pipe ?? part.name));
    });
  }

  async #ask(read: (control: Client) => Promise<string[]>): Promise<string[]> {
    try {
      this.#command.exitOverride().parseOptions(this.#given);
      const flags = this.#command.opts<ConnectionFlags>();
      const {controller} = chooseTarget({...flags, timeout: `${askMs}ms`}, this.#env);
      const late = new Promise<string[]>(resolve => setTimeout(() => resolve([]), askMs).unref());
      return await Promise.race([read(new Client(controller)), late]);
    } catch {
      return [];
    }
  }
}
