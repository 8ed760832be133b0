import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import type {Prng} from '../../lib/prng.ts';

/** What is asked, and what the answer must be. */
export type Question = {
  /** Path and query of the address. */
  url: string;
  status: 200 | 404;
  /** How many entries the answer must have below its root; undefined when that may change. */
  entries: number | undefined;
  /** Whether `next_cursor` is followed. */
  isPaged: boolean;
};

/** A directory that nobody changes: how many entries it has, itself and with everything below. */
type StaticDirectory = {path: string; names: number; entries: number; file: string | undefined};

const tree = '/api/v1/fs/tree';
const stat = '/api/v1/fs/stat';
const pageEntries = 40;
/** A recursive answer of this size is neither small talk nor a download. */
const middleSized = {min: 300, max: 3_000};

/** Questions about a tree of which one part never changes, so that an answer can be told to be wrong. */
export class Questions {
  readonly #random: Prng;
  readonly #directories: StaticDirectory[] = [];
  readonly #middleSized: StaticDirectory[];

  constructor(base: string, random: Prng) {
    this.#random = random;
    this.#read(base, '/base');
    const {min, max} = middleSized;
    this.#middleSized = this.#directories.filter(({entries}) => entries >= min && entries <= max);
  }

  next(): Question {
    const die = this.#random.below(100);
    if (die < 10) return ask(tree);
    if (die < 45) return this.#directory();
    if (die < 49) return this.#recursive();
    if (die < 51) return ask(`${tree}?recursive=true&path=/storm`);
    if (die < 60) return this.#paged();
    if (die < 72) return {...ask(`${die % 2 ? tree : stat}?path=/never/${this.#random.below(1e9)}`), status: 404};
    if (die < 85) return this.#file();
    if (die < 95) return ask(`${stat}?path=${this.#pick(this.#directories).path}`);
    return ask('/api/v1/status');
  }

  #directory(): Question {
    const {path, names} = this.#pick(this.#directories);
    return {...ask(`${tree}?path=${path}`), entries: names};
  }

  #recursive(): Question {
    const {path, entries} = this.#pick(this.#middleSized.length > 0 ? this.#middleSized : this.#directories);
    return {...ask(`${tree}?recursive=true&path=${path}`), entries};
  }

  #paged(): Question {
    const {path} = this.#pick(this.#directories);
    return {...ask(`${tree}?recursive=true&limit=${pageEntries}&path=${path}`), isPaged: true};
  }

  #file(): Question {
    const {path, file} = this.#pick(this.#directories);
    return ask(`${stat}?path=${file === undefined ? path : `${path}/${file}`}`);
  }

  #pick(directories: readonly StaticDirectory[]): StaticDirectory {
    return this.#random.pick(directories)!;
  }

  /** The base has plain names only, which an address can hold as they are. */
  #read(directory: string, path: string): number {
    const found = readdirSync(directory, {withFileTypes: true});
    const file = found.find(entry => entry.isFile())?.name;
    const below = found
      .filter(entry => entry.isDirectory())
      .reduce((sum, {name}) => sum + this.#read(join(directory, name), `${path}/${name}`), 0);
    const entries = found.length + below;
    this.#directories.push({path, names: found.length, entries, file});
    return entries;
  }
}

function ask(url: string): Question {
  return {url, status: 200, entries: undefined, isPaged: false};
}

type Node = {children?: Node[]};
type Body = {data?: Node; error?: unknown; meta?: {complete?: boolean; next_cursor?: string | null}};

/**
 * What is wrong with an answer, and where its next page is. Before the first snapshot (`isKnown` false) a path may be
 * "not seen yet" or seen in part, when the answer says so.
 */
export function check(
  {status, text}: {status: number; text: string},
  question: Question,
  isKnown: boolean,
): {wrong: string} | {next: string | undefined} {
  let body: Body;
  try {
    body = JSON.parse(text) as Body;
  } catch (error) {
    return {wrong: `${status}, not JSON (${text.length} characters): ${(error as Error).message}`};
  }
  if (typeof body.meta !== 'object') return {wrong: `${status} without a meta: ${text.slice(0, 200)}`};
  const isEarly = !isKnown && body.meta.complete === false;
  if (status === 404 && isEarly) return {next: undefined};
  if (status !== question.status) return {wrong: `${status} instead of ${question.status}: ${text.slice(0, 200)}`};
  if (status === 404) return {next: undefined};
  if (typeof body.data !== 'object') return {wrong: `${status} without data: ${text.slice(0, 200)}`};
  const found = question.entries === undefined ? undefined : countBelow(body.data);
  if (found !== question.entries && !isEarly) return {wrong: `${found} entries instead of ${question.entries}`};
  return {next: body.meta.next_cursor ?? undefined};
}

function countBelow({children = []}: Node): number {
  return children.reduce((sum, child) => sum + 1 + countBelow(child), 0);
}
