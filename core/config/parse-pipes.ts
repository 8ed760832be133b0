import {groupOf} from './group-of.ts';
import {formatPath, type Mistake, mistakeLine, type Problem, type SettingPath} from './mistakes.ts';
import {checkReferences} from './references.ts';
import {
  type AgentConfig,
  configSchema,
  type FustorConfig,
  type PipeConfig,
  type SenderConfig,
  type SourceConfig,
} from './schema.ts';
import {resolveSecrets, type SecretSources} from './secrets.ts';
import {settingNames} from './settings.ts';
import {validateAlone} from './validate-alone.ts';
import {problemAt} from './wrong-values.ts';
import {readYamlTree, type YamlTree} from './yaml-tree.ts';

/** A pipe with all that it needs. */
export type PipeParts = {pipe: PipeConfig; source: SourceConfig; sender: SenderConfig};

/** Pipes of which each stands for itself: `mistake` says why one cannot be used. */
export type PipesConfig = {
  pipes: ({name: string} & (PipeParts | {mistake: string}))[];
  /** Settings of the agent; undefined when they have a mistake. */
  agent: AgentConfig | undefined;
  /** What is wrong besides the pipes, a line each. */
  mistakes: string[];
  /** False: a file cannot be read at all, and nobody knows which pipes are in it. */
  isComplete: boolean;
};

export type ConfigText = {
  /** How the file is called in messages. */
  file: string;
  text: string;
};

type Section = 'sources' | 'senders' | 'pipes';
type Entry = {tree: YamlTree; file: string; value: unknown};
const sections: readonly Section[] = ['sources', 'senders', 'pipes'];

/**
 * The pipes of one or several files, which may name sources and senders of each other. A mistake keeps out the pipe that it
 * stands in, or those that use the source or the sender that it stands in, and no others. `own` are settings of the agent
 * that its file need not have.
 */
export function parsePipes(files: readonly ConfigText[], secrets: SecretSources, own: object): PipesConfig {
  const reader = new PipesReader(secrets);
  for (const file of files) reader.add(file);
  return reader.read(own);
}

class PipesReader {
  readonly #secrets: SecretSources;
  readonly #entries: Record<Section, Map<string, Entry>> = {sources: new Map(), senders: new Map(), pipes: new Map()};
  readonly #found: {mistake: Mistake; path: SettingPath}[] = [];
  #agent: Entry = {tree: readYamlTree('{}', value => ({value})), file: '', value: {}};
  #isComplete = true;

  constructor(secrets: SecretSources) {
    this.#secrets = secrets;
  }

  add({file, text}: ConfigText): void {
    const tree = readYamlTree(text, value => resolveSecrets(value, this.#secrets));
    for (const problem of tree.problems) this.#note(problem, {tree, file});
    if (tree.value === undefined) this.#isComplete = false;
    const known = settingNames(configSchema, []);
    for (const [name, value] of Object.entries(groupOf(tree.value))) {
      const section = sections.find(one => one === name);
      if (section) this.#addSection(section, {tree, file, value});
      else if (name === 'agent') this.#agent = {tree, file, value};
      else if (!known.includes(name)) this.#validate([name], {tree, file, value});
    }
  }

  read(own: object): PipesConfig {
    const agent = this.#validate(['agent'], {...this.#agent, value: {...groupOf(this.#agent.value), ...own}});
    const sources = this.#readAll('sources', ({sources: [source]}) => source);
    const senders = this.#readAll('senders', ({senders: [sender]}) => sender);
    const pipes = this.#readAll('pipes', ({pipes: [pipe]}) => pipe);
    this.#checkReferences();
    const reasons = (section: Section, name: string) =>
      this.#found.filter(({path}) => path[0] === section && path[1] === name).map(({mistake}) => mistakeLine(mistake));
    return {
      agent: agent?.agent,
      isComplete: this.#isComplete,
      mistakes: this.#found
        .filter(({path: [section, name]}) => name === undefined || !sections.some(one => one === section))
        .map(({mistake}) => mistakeLine(mistake)),
      pipes: [...this.#entries.pipes].map(([name, {value}]) => {
        const {source: sourceName, sender: senderName} = groupOf(value);
        const pipe = pipes.get(name);
        const source = sources.get(String(sourceName));
        const sender = senders.get(String(senderName));
        const mistakes = [
          ...reasons('pipes', name),
          ...reasons('sources', String(sourceName)),
          ...reasons('senders', String(senderName)),
        ];
        if (mistakes.length > 0 || !pipe || !source || !sender) return {name, mistake: mistakes.join('\n')};
        return {name, pipe, source, sender};
      }),
    };
  }

  #addSection(section: Section, {tree, file, value}: Entry): void {
    if (value !== null && (typeof value !== 'object' || Array.isArray(value))) {
      this.#validate([section], {tree, file, value});
    }
    for (const [name, one] of Object.entries(groupOf(value))) {
      const first = this.#entries[section].get(name);
      if (!first) this.#entries[section].set(name, {tree, file, value: one});
      else {
        const message = `stands in ${first.file}, too, and that one counts`;
        this.#note(problemAt(tree, {path: [section, name], message}), {tree, file}, []);
      }
    }
  }

  #readAll<T>(section: Section, take: (config: FustorConfig) => T | undefined): Map<string, T> {
    const read = [...this.#entries[section]].flatMap(([name, entry]) => {
      const config = this.#validate([section, name], entry);
      const one = config && take(config);
      return one ? [[name, one] as const] : [];
    });
    return new Map(read);
  }

  /** As if nothing else was configured. Undefined: it has mistakes, which are noted. */
  #validate(path: readonly string[], {tree, file, value}: Entry): FustorConfig | undefined {
    const {config, problems} = validateAlone(tree, path, value);
    for (const problem of problems) this.#note(problem, {tree, file});
    return config;
  }

  #checkReferences(): void {
    const all = (section: Section) =>
      Object.fromEntries([...this.#entries[section]].map(([name, {value}]) => [name, value]));
    // Without a key of its own a sender has the token of its agent.
    const agent = {auth_token: ''};
    for (const problem of checkReferences({
      agent,
      sources: all('sources'),
      senders: all('senders'),
      pipes: all('pipes'),
    })) {
      const [section, name] = problem.path as [Section, string];
      const {tree, file} = this.#entries[section].get(name)!;
      this.#note(problemAt(tree, problem), {tree, file});
    }
  }

  /** `of`: what it keeps out. */
  #note({offset, path, ...rest}: Problem, {tree, file}: Pick<Entry, 'tree' | 'file'>, of: SettingPath = path): void {
    const mistake = {file, ...tree.position(offset), path: formatPath(path), ...rest};
    this.#found.push({path: of, mistake});
  }
}
