import {nearest} from '../core/config/nearest.ts';
import {FustorError} from '../core/errors/fustor-error.ts';
import {version} from './version.ts';

/** Runs with the arguments that follow its name and resolves to the exit code. */
export type Command = (args: string[]) => Promise<number>;

export type ProgramDefinition = {
  name: string;
  /**
   * One line each for `--help`, and the command, imported only when it is called so that `--version` stays fast. Commands of
   * one section stand together below its heading; one without a summary is for programs, and not listed.
   */
  commands: Record<string, {summary?: string; load: () => Promise<Command>; section?: string}>;
  /**
   * Handles a command line that begins with an option, or with anything where there are no commands. An unknown command is
   * always refused, which matters: an executable that starts itself with wrong arguments must not become a second service.
   */
  otherwise?: {usage: string; load: () => Promise<Command>};
  /** What `--help` says below the commands. */
  notes?: string;
  /**
   * It has processes that run on without it. After an error it exits at once: they, and whatever waits for them, would keep it
   * there, deaf to every signal, with its lock and its port, which the next one needs to take them over.
   */
  leavesProcesses?: boolean;
  /** Tells an error in another form than text on stderr; false: it does not for these arguments. */
  tellError?: (error: FustorError, argv: string[]) => boolean;
};

/** Everything between argv and the exit code that all programs share. Sets `process.exitCode`: output is never cut short. */
export async function runProgram(definition: ProgramDefinition, argv: string[] = process.argv.slice(2)): Promise<void> {
  try {
    process.exitCode = await dispatch(definition, argv);
  } catch (error) {
    process.exitCode = report(definition, error, argv);
    if (definition.leavesProcesses) process.exit(); // stderr is written at once, whatever it is
  }
}

async function dispatch(definition: ProgramDefinition, argv: string[]): Promise<number> {
  const [first, ...rest] = argv;
  if (first === '--version' || first === '-V') return print(`${definition.name} ${version}`);
  if (first === '--help' || first === '-h') return print(help(definition));

  const isCommand = first !== undefined && Object.hasOwn(definition.commands, first);
  const command = isCommand ? definition.commands[first] : undefined;
  if (command) return (await command.load())(rest);

  const isOption = first?.startsWith('-') ?? false;
  const hasCommands = Object.keys(definition.commands).length > 0;
  if (definition.otherwise && (isOption || first === undefined || !hasCommands))
    return (await definition.otherwise.load())(argv);
  const helpHint = `Run "${definition.name} --help".`;
  if (first === undefined) throw new FustorError('USAGE', 'No command given.', {hint: helpHint});
  if (isOption) {
    const hint = `${hasCommands ? 'Options of a command stand behind it. ' : ''}${helpHint}`;
    throw new FustorError('USAGE', `Unknown option "${first}".`, {hint});
  }
  const listed = Object.entries(definition.commands).flatMap(([name, {summary}]) =>
    summary === undefined ? [] : name,
  );
  throw unknownCommand(definition.name, first, listed);
}

/** `of`: the program, with the words before the command. */
export function unknownCommand(of: string, command: string, known: readonly string[]): FustorError {
  const near = nearest(command, known);
  const meant = near === undefined ? '' : `Did you mean "${of} ${near}"? `;
  return new FustorError('USAGE', `Unknown command "${of} ${command}".`, {hint: `${meant}Run "${of} --help".`});
}

function help({name, commands, otherwise, notes}: ProgramDefinition): string {
  const rows: {command: string; summary: string; section?: string}[] = [
    ...Object.entries(commands).flatMap(([command, {summary, section}]) =>
      summary === undefined ? [] : {command, summary, ...(section !== undefined && {section})},
    ),
    {command: '--version', summary: 'print the version'},
    {command: '--help', summary: 'print this'},
  ];
  const width = Math.max(...rows.map(({command}) => command.length)) + 2;
  const usage = otherwise ? [`${name} ${otherwise.usage}`] : [];
  const list = rows.flatMap(({command, summary, section}, at) => [
    ...(section !== undefined && section !== rows[at - 1]?.section ? [...(at > 0 ? [''] : []), `${section}:`] : []),
    `  ${command.padEnd(width)}${summary}`,
  ]);
  const commandUsage = Object.keys(commands).length === 0 ? [] : [`${name} COMMAND`];
  return [...usage, ...commandUsage, '', ...list, ...(notes === undefined ? [] : ['', notes])].join('\n');
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

/** One readable message for what an operator may expect, the whole stack for a bug. Returns the exit code. */
function report({name, tellError}: ProgramDefinition, error: unknown, argv: string[]): number {
  if (error instanceof FustorError) {
    if (tellError?.(error, argv)) return error.exitCode;
    process.stderr.write(`${name}: ${error.message}\n${error.hint === undefined ? '' : `${error.hint}\n`}`);
    return error.exitCode;
  }
  process.stderr.write(`${name}: internal error\n${error instanceof Error ? error.stack : String(error)}\n`);
  return new FustorError('INTERNAL', '').exitCode;
}
