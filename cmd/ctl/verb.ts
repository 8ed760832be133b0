import {Command, CommanderError, Option} from 'commander';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';
import {AnswerError} from './answer-error.ts';
import {Client} from './client.ts';
import type {Completion} from './completion.ts';
import {type ConnectionFlags, chooseTarget} from './connection.ts';
import {isObject} from './exact-json.ts';
import {bugExit, exitCodeOf, exitCodesHelp} from './exit-codes.ts';
import {type Io, processIo} from './io.ts';
import {diffText} from './output/diff-text.ts';
import {formed} from './output/form.ts';
import {formIn, type OutputForm, outputForms} from './output/form-names.ts';
import {jsonDocument} from './output/json.ts';
import type {NameOf} from './output/names.ts';
import {yamlDocument} from './output/yaml.ts';

/** One thing that `fustorctl` can do. */
export type Verb<Flags extends object> = {
  name: string;
  summary: string;
  /** Adds its own arguments and flags. */
  declare(command: Command): unknown;
  /** Resolves to the exit code. Argument and flags are as declared. */
  run(call: VerbCall<Flags>): Promise<number>;
  /** What `-o name` prints for a row of its JSON answer; else its path, name or id. */
  nameOf?: NameOf;
  /** It prints names itself when `form` is `name`; else they are taken from its JSON answer. */
  printsNames?: boolean;
  /** It asks no server: which one is meant does not matter, nor whether that can be told. */
  isLocal?: true;
  /** What its arguments can be, one after the other; the last stands for all that follow. */
  completes?: readonly Completion[];
};

export type VerbCall<Flags> = {
  argument: string | undefined;
  /** All arguments, for a verb that has more than one. */
  args: string[];
  /** How long the server may be silent. */
  timeoutMs: number;
  /** That was said, and is not the default. */
  isTimeoutGiven: boolean;
  flags: Flags;
  /** Asks the fusion. */
  client: Client;
  /** Asks the controller: the fusion that embeds it, or one of its own. */
  control: Client;
  view: string | undefined;
  form: OutputForm;
  /** A JSON document is wanted on `io`, the answer whole. It becomes YAML, or the names in it, on its way out. */
  isJson: boolean;
  io: Io;
};

type SharedFlags = ConnectionFlags & {output: OutputForm};

/**
 * Runs a verb with the words after its name and resolves to the exit code. Errors are shown here: as a message on stderr,
 * or with `-o json` and `yaml` as a document on stdout in place of the answer (on stderr when a part of the answer is out
 * already).
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
    const document = errorDocument(error, formIn(args));
    if (document === undefined) return showError(error, io);
    if (hasWritten) io.notice(document.trimEnd());
    else await io.write(document);
    return exitCode(error);
  }
}

async function parseAndRun<Flags extends object>(verb: Verb<Flags>, args: string[], io: Io): Promise<number> {
  const help: string[] = [];
  const command = declared(verb)
    .exitOverride()
    .configureOutput({writeOut: text => help.push(text), writeErr: () => {}});
  try {
    command.parse(args, {from: 'user'});
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(verb.name, error);
    await io.write(help.join(''));
    return 0;
  }
  const {output, endpoint, controller, key, view, context, ca, timeout, ...flags} = command.opts<SharedFlags & Flags>();
  const given = {endpoint, controller, key, view, context, ca, timeout} as ConnectionFlags;
  const target = verb.isLocal ? chooseTarget({timeout}, {}) : chooseTarget(given, io.env);
  const isFormed = output === 'yaml' || (output === 'name' && !verb.printsNames);
  return verb.run({
    argument: command.args[0],
    args: command.args,
    timeoutMs: target.timeoutMs,
    isTimeoutGiven: command.getOptionValueSource('timeout') === 'cli',
    flags: flags as unknown as Flags,
    client: new Client(target),
    control: new Client(target.controller),
    view: target.view,
    form: output,
    isJson: output === 'json' || isFormed,
    io: isFormed ? formed(io, output, verb.nameOf) : io,
  });
}

/** The command line of a verb. */
export function declared<Flags extends object>(verb: Verb<Flags>): Command {
  const command = new Command(`fustorctl ${verb.name}`)
    .description(verb.summary)
    .addHelpText('after', `\n${exitCodesHelp}`);
  verb.declare(command);
  command
    .addOption(new Option('-o, --output <form>', 'what to print').choices(outputForms).default('table'))
    .option('--endpoint <url>', 'address of the fusion; else FUSTOR_ENDPOINT, else the current context')
    .option(
      '--controller <url>',
      'address of the controller; else FUSTOR_CONTROLLER, else the context, else the endpoint',
    )
    .option('--key <key>', 'API key, seen by others in the list of processes; better FUSTOR_KEY or a context')
    .option('--view <name>', 'the view to ask; else FUSTOR_VIEW, else the context, else the only one of the key')
    .option('--context <name>', 'a context of ~/.config/fustor/contexts.yaml')
    .option(
      '--ca <file>',
      'certificates (PEM) of authorities to trust besides the usual; else FUSTOR_CA, else the context',
    )
    .option('--timeout <duration>', 'how long the server may be silent', '30s');
  return command;
}

function usageError(verb: string, error: CommanderError): FustorError {
  const message = error.message.replace(/^error: /, '').replace(/^./, first => first.toUpperCase());
  return new FustorError('USAGE', message, {hint: `Run "fustorctl ${verb} --help".`});
}

function errorDocument(error: unknown, form: OutputForm | undefined): string | undefined {
  if (form === 'json') return jsonDocument(errorBody(error));
  return form === 'yaml' ? yamlDocument(errorBody(error)) : undefined;
}

function showError(error: unknown, io: Io): number {
  if (!(error instanceof FustorError) && !(error instanceof AnswerError)) throw error;
  io.notice(`fustorctl: ${error.message}`);
  if (error.hint !== undefined) io.notice(error.hint);
  const details = error instanceof AnswerError ? error.body.error.details : undefined;
  const diff = isObject(details) ? details.diff : undefined;
  if (typeof diff === 'string') io.notice(`What came between:\n${diffText(diff, io).trimEnd()}`);
  return exitCode(error);
}

function errorBody(error: unknown): object {
  if (error instanceof AnswerError) return error.body;
  if (error instanceof FustorError) return error.toBody();
  return new FustorError('INTERNAL', error instanceof Error ? error.message : String(error)).toBody();
}

function exitCode(error: unknown): number {
  if (error instanceof AnswerError) return error.exitCode;
  return error instanceof FustorError ? exitCodeOf(error.code) : bugExit;
}
