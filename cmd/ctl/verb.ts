import {Command, CommanderError, Option} from 'commander';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';
import {AnswerError} from './answer-error.ts';
import {Client} from './client.ts';
import {type ConnectionFlags, chooseTarget} from './connection.ts';
import {exitCodeOf, exitCodesHelp} from './exit-codes.ts';
import {type Io, processIo} from './io.ts';
import {jsonDocument} from './output/json.ts';

/** One thing that `fustorctl` can do. */
export type Verb<Flags extends object> = {
  name: string;
  summary: string;
  /** Adds its own arguments and flags. */
  declare(command: Command): unknown;
  /** Resolves to the exit code. Argument and flags are as declared. */
  run(call: VerbCall<Flags>): Promise<number>;
};

export type VerbCall<Flags> = {
  argument: string | undefined;
  /** All arguments, for a verb that has more than one. */
  args: string[];
  /** How long the server may be silent. */
  timeoutMs: number;
  flags: Flags;
  client: Client;
  view: string | undefined;
  isJson: boolean;
  io: Io;
};

type SharedFlags = ConnectionFlags & {output: 'table' | 'json'};

/**
 * Runs a verb with the words after its name and resolves to the exit code. Errors are shown here: as a message on stderr,
 * or with `-o json` as a document on stdout in place of the answer (on stderr when a part of the answer is out already).
 */
export async function runVerb<Flags extends object>(
  verb: Verb<Flags>,
  args: string[],
  io = processIo(),
): Promise<number> {
  let hasWritten = false;
  const watched: Io = {
    ...io,
    write: data => {
      hasWritten = true;
      return io.write(data);
    },
  };
  try {
    return await parseAndRun(verb, args, watched);
  } catch (error) {
    if (systemErrorCode(error) === 'EPIPE') return 0; // `| head` has seen enough
    if (!isForJson(args)) return showError(error, io);
    const document = jsonDocument(errorBody(error));
    if (hasWritten) io.notice(document.trimEnd());
    else await io.write(document);
    return exitCode(error);
  }
}

async function parseAndRun<Flags extends object>(verb: Verb<Flags>, args: string[], io: Io): Promise<number> {
  const help: string[] = [];
  const command = new Command(`fustorctl ${verb.name}`)
    .description(verb.summary)
    .exitOverride()
    .configureOutput({writeOut: text => help.push(text), writeErr: () => {}})
    .addHelpText('after', `\n${exitCodesHelp}`);
  verb.declare(command);
  declareShared(command);
  try {
    command.parse(args, {from: 'user'});
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(verb.name, error);
    await io.write(help.join(''));
    return 0;
  }
  const {output, endpoint, key, view, context, timeout, ...flags} = command.opts<SharedFlags & Flags>();
  const target = chooseTarget({endpoint, key, view, context, timeout} as ConnectionFlags, io.env);
  return verb.run({
    argument: command.args[0],
    args: command.args,
    timeoutMs: target.timeoutMs,
    flags: flags as unknown as Flags,
    client: new Client(target),
    view: target.view,
    isJson: output === 'json',
    io,
  });
}

function declareShared(command: Command): void {
  command
    .addOption(new Option('-o, --output <form>', 'what to print').choices(['table', 'json']).default('table'))
    .option('--endpoint <url>', 'address of the fusion or controller; else FUSTOR_ENDPOINT, else the current context')
    .option('--key <key>', 'API key, seen by others in the list of processes; better FUSTOR_KEY or a context')
    .option('--view <name>', 'the view to ask; else FUSTOR_VIEW, else the context, else the only one of the key')
    .option('--context <name>', 'a context of ~/.config/fustor/contexts.yaml')
    .option('--timeout <duration>', 'how long the server may be silent', '30s');
}

function usageError(verb: string, error: CommanderError): FustorError {
  const message = error.message.replace(/^error: /, '').replace(/^./, first => first.toUpperCase());
  return new FustorError('USAGE', message, {hint: `Run "fustorctl ${verb} --help".`});
}

/** Looked up before the command line is understood, so that a mistake in it is told in the form that was asked for. */
function isForJson(args: string[]): boolean {
  return /(^| )(-o|--output)[ =]?json( |$)/.test(args.join(' '));
}

function showError(error: unknown, io: Io): number {
  if (!(error instanceof FustorError) && !(error instanceof AnswerError)) throw error;
  io.notice(`fustorctl: ${error.message}`);
  if (error.hint !== undefined) io.notice(error.hint);
  return exitCode(error);
}

function errorBody(error: unknown): object {
  if (error instanceof AnswerError) return error.body;
  if (error instanceof FustorError) return error.toBody();
  return new FustorError('INTERNAL', error instanceof Error ? error.message : String(error)).toBody();
}

function exitCode(error: unknown): number {
  if (error instanceof AnswerError) return error.exitCode;
  return exitCodeOf(error instanceof FustorError ? error.code : 'INTERNAL');
}
