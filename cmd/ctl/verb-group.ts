import {FustorError} from '../../core/errors/fustor-error.ts';
import {type Command, unknownCommand} from '../run-program.ts';
import {exitCodesHelp} from './exit-codes.ts';

/** One line for the help of the group, and the verb, loaded only when it is called. */
type GroupedVerb = {summary: string; load: () => Promise<Command>};

/** A noun with its verbs: `fustorctl NOUN VERB …`. */
export function verbGroup(noun: string, verbs: Record<string, GroupedVerb>): Command {
  return async ([name, ...args]) => {
    if (name === '--help' || name === '-h') {
      process.stdout.write(help(noun, verbs));
      return 0;
    }
    const verb = name !== undefined && Object.hasOwn(verbs, name) ? verbs[name] : undefined;
    if (verb) return (await verb.load())(args);
    if (name !== undefined) throw unknownCommand(`fustorctl ${noun}`, name, Object.keys(verbs));
    throw new FustorError('USAGE', `"${noun}" needs a verb.`, {hint: `Run "fustorctl ${noun} --help".`});
  };
}

function help(noun: string, verbs: Record<string, GroupedVerb>): string {
  const width = Math.max(...Object.keys(verbs).map(name => name.length)) + 2;
  const rows = Object.entries(verbs).map(([name, {summary}]) => `  ${noun} ${name.padEnd(width)}${summary}`);
  return ['fustorctl COMMAND', '', ...rows, '', exitCodesHelp, ''].join('\n');
}
