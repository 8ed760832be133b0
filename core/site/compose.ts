import {configInvalid, type Mistake, mistakeLine} from '../config/mistakes.ts';
import type {FileProblem, SiteFiles} from '../control/desired-state.ts';
import {FustorError} from '../errors/fustor-error.ts';
import {checkSite} from './check-site.ts';
import {joinSite, type Site} from './site.ts';
import type {ReadFile, SiteFile} from './site-file.ts';

/**
 * From files to a site.
 *
 * 1. What comes out makes sense, apart from agents that have files of their own: what one of these names may be gone.
 * 2. A file that is not used leaves its last good text in its place; it is left out when it never was good.
 * 3. Whether an agent's file is good decides about nothing but that agent.
 */
export type Composed = {
  /** As they count. */
  files: SiteFiles;
  site: Site;
  problems: FileProblem[];
};

export type ComposeParts = {
  credentials: ReadonlySet<string>;
  /** Reads a file; the same text is read once. */
  read: (path: string, text: string) => ReadFile;
};

const hint = 'Nothing was changed. core/site/site.example.yaml and fustor.example.yaml explain every setting.';

/** Throws CONFIG_INVALID with every mistake of every file. */
export function composeStrict(offered: SiteFiles, {credentials, read}: ComposeParts): Composed {
  if (offered.size === 0) throw emptyTree();
  const results = Array.from(offered, ([path, text]) => read(path, text));
  const files = results.flatMap(result => ('file' in result ? result.file : (result.draft ?? [])));
  const {site, mistakes} = joinSite(files);
  const own = results.flatMap(result => ('mistakes' in result ? result.mistakes : []));
  // Names that an unreadable file defines would be missed everywhere.
  const others = files.length < results.length ? [] : [...mistakes, ...checkSite(site, files, credentials)];
  if (own.length + others.length > 0) throw refused(inOrder([...own, ...others]));
  return {files: offered, site, problems: []};
}

/** What files say that were good once: those that are not any more are left out and told, and what is named may be gone. */
export function composeAgain(files: SiteFiles, read: ComposeParts['read']): {site: Site; unread: FileProblem[]} {
  const results = Array.from(files, ([path, text]) => read(path, text));
  const {site} = joinSite(results.flatMap(result => ('file' in result ? [result.file] : [])));
  return {site, unread: results.flatMap(result => ('mistakes' in result ? result.mistakes.map(problemOf) : []))};
}

/** Takes what is good. Throws CONFIG_INVALID when that is nothing, or makes no sense. */
export function composeLenient(offered: SiteFiles, inForce: SiteFiles, parts: ComposeParts): Composed {
  if (offered.size === 0) throw emptyTree();
  const choice = new Choice(offered, inForce, parts);
  for (;;) {
    const {site, mistakes} = choice.check();
    // First the site, then those who only use it: an agent is not to blame for what is undone a moment later.
    const ofSite = mistakes.filter(({file}) => !choice.isAgentFile(file));
    const [own, stuck] = split(ofSite.length > 0 ? ofSite : mistakes, ({file}) => !choice.isLastGood(file));
    if (own.length > 0) choice.giveUp(own);
    else if (ofSite.length > 0) choice.undo(stuck);
    else if (choice.isEmpty) throw refused([], choice.problems);
    else return {files: choice.files, site, problems: [...choice.problems, ...stuck.map(problemOf)]};
  }
}

/** For each path what counts so far: the file that is offered, the one that was last good, or none. It changes once at most. */
class Choice {
  readonly #lastGood: ReadonlyMap<string, SiteFile>;
  readonly #credentials: ReadonlySet<string>;
  readonly #chosen = new Map<string, SiteFile>();
  readonly problems: FileProblem[] = [];

  constructor(offered: SiteFiles, inForce: SiteFiles, {read, credentials}: ComposeParts) {
    this.#credentials = credentials;
    this.#lastGood = new Map(
      Array.from(inForce, ([path, text]) => read(path, text)).flatMap(result =>
        'file' in result ? [[result.file.path, result.file] as const] : [],
      ),
    );
    for (const [path, text] of offered) {
      const result = read(path, text);
      if ('file' in result) this.#chosen.set(path, result.file);
      else this.giveUp(result.mistakes);
    }
  }

  get files(): SiteFiles {
    const files = [...this.#chosen.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    return new Map(files.map(({path, text}) => [path, text]));
  }

  get isEmpty(): boolean {
    return this.#chosen.size === 0;
  }

  check(chosen: ReadonlyMap<string, SiteFile> = this.#chosen): {site: Site; mistakes: Mistake[]} {
    const files = [...chosen.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    // What was there before has a right to its names; a credential that it lost since is a matter of those who need it.
    const [before, now] = split(files, ({path}) => this.isLastGood(path));
    const {site, mistakes} = joinSite([...before, ...now]);
    return {site, mistakes: [...mistakes, ...checkSite(site, now, this.#credentials)]};
  }

  isLastGood(path: string): boolean {
    return this.#chosen.get(path)?.text === this.#lastGood.get(path)?.text;
  }

  isAgentFile(path: string, chosen: ReadonlyMap<string, SiteFile> = this.#chosen): boolean {
    return chosen.get(path)?.agent !== undefined;
  }

  /** These files have mistakes that are their own doing. */
  giveUp(mistakes: readonly Mistake[]): void {
    this.problems.push(...mistakes.map(problemOf));
    for (const {file} of mistakes) this.#setBack(file, this.#chosen);
  }

  /**
   * Files that are as they were have mistakes: what they need was taken away by a change to another file, which is not used
   * then. One that alone makes it better is enough.
   */
  undo(stuck: readonly Mistake[]): void {
    const changed = [...new Set([...this.#chosen.keys(), ...this.#lastGood.keys()])].filter(
      path => !this.isLastGood(path) && !this.isAgentFile(path) && !this.isAgentFile(path, this.#lastGood),
    );
    if (changed.length === 0) throw refused(stuck, this.problems);
    const better = changed.find(path => {
      const tried = new Map(this.#chosen);
      this.#setBack(path, tried);
      return this.check(tried).mistakes.filter(({file}) => !this.isAgentFile(file, tried)).length < stuck.length;
    });
    for (const path of better === undefined ? changed : [better]) {
      const message = `${path}:1:1  its change is not used, because it would bring ${mistakeLine(stuck[0]!)}`;
      this.problems.push({file: path, message});
      this.#setBack(path, this.#chosen);
    }
  }

  #setBack(path: string, chosen: Map<string, SiteFile>): void {
    const file = this.#lastGood.get(path);
    if (file) chosen.set(path, file);
    else chosen.delete(path);
  }
}

function problemOf(mistake: Mistake): FileProblem {
  return {file: mistake.file, message: mistakeLine(mistake)};
}

function refused(mistakes: readonly Mistake[], problems: readonly FileProblem[] = []): FustorError {
  if (problems.length === 0) return configInvalid({file: 'The desired state', mistakes: [...mistakes], hint});
  const lines = [...problems.map(({message}) => message), ...mistakes.map(mistakeLine)];
  const message = ['Nothing of the desired state can be used:', ...lines.map(line => `  ${line}`)].join('\n');
  return new FustorError('CONFIG_INVALID', message, {hint, details: {mistakes, problems}});
}

function emptyTree(): FustorError {
  return new FustorError('CONFIG_INVALID', 'The desired state has no files.', {
    hint: 'If all nodes are to lose their configuration, say so with a file that has an empty section, "agents:".',
  });
}

/** As they stand in the files; of two about one setting the first. */
function inOrder(mistakes: readonly Mistake[]): Mistake[] {
  const paths = [...new Set(mistakes.map(({file}) => file))].sort();
  const seen = new Set<string>();
  return mistakes
    .filter(({file, path}) => seen.size !== seen.add(`${file} ${path}`).size)
    .sort((a, b) => paths.indexOf(a.file) - paths.indexOf(b.file) || a.line - b.line || a.column - b.column);
}

function split<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter(item => !isFirst(item))];
}
