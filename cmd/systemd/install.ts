import {existsSync, readFileSync} from 'node:fs';
import {extname, join, resolve} from 'node:path';
import {type ParseArgsOptionsConfig, parseArgs, parseEnv} from 'node:util';
import {isName} from '../../core/config/values.ts';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';
import {executablePath} from '../executable-path.ts';
import {executableNames, spawnArguments} from '../program.ts';
import type {Command} from '../run-program.ts';
import {endParts, isStartedAgain} from '../shell/end-parts.ts';
import type {Described, Role, ShellRole} from './role.ts';
import {type Problem, userProblems} from './service-user.ts';
import {stateRoot, type Unit} from './units.ts';
import {type Written, writeUnits} from './write-units.ts';

/** `install` of a program: writes the units of its service, and says what to do then. */
export function installCommand(role: Role): Command {
  const program = executableNames[role.program];
  return async args => {
    const options = parse(program, args, installOptions);
    if (options.help) return print(helpOf(program, role));
    checkName('name', options.name);
    checkName('user', options.user);
    const {option, file} = fileOf(role, options);
    const environmentFile = `${file.slice(0, file.length - extname(file).length)}.env`;
    const {data, units: unitsOf} = await describeForService(role, {option, file, environmentFile});
    const {args: ownArguments} = spawnArguments(role.program, []);
    const command = [executablePath, ...ownArguments] as const;
    const name = options.name === undefined ? program : `${program}-${options.name}`;
    const {user} = options;
    const units = unitsOf({name, user, command, configOption: `--${option}`, configFile: file, environmentFile});
    const problems = userProblems(user, [file, ...command.filter(word => word.startsWith('/'))]);
    if (options['dry-run']) {
      for (const {message, hint} of problems) process.stderr.write(`${program}: ${message}\n${hint}\n`);
      return print(units.map(unit => asComment(unit, options['unit-dir'])).join('\n'));
    }
    refuseFor(problems);
    const written = writeUnits(units, {directory: options['unit-dir'], isForced: options.force});
    return print(
      [...written.map(({path, change}) => `${path}  ${change}`), ...nextSteps(written, {user, data})].join('\n'),
    );
  };
}

/** `end-parts`, which the unit calls when the service has ended. */
export function endPartsCommand(role: ShellRole): Command {
  const program = executableNames[role.program];
  return async args => {
    const {option, file} = fileOf(role, parse(program, args, fileOptions));
    if (isStartedAgain(process.env)) return 0;
    const {data} = await role[option]!(file);
    const ended = await endParts(data, role.program);
    return ended.length === 0 ? 0 : print(`ended ${ended.join(', ')}`);
  };
}

const defaultFile = '/etc/fustor/fustor.yaml';
const fileOptions = {config: {type: 'string', short: 'c'}, bootstrap: {type: 'string'}} as const;
const installOptions = {
  ...fileOptions,
  user: {type: 'string', default: 'fustor'},
  name: {type: 'string'},
  'unit-dir': {type: 'string', default: '/etc/systemd/system'},
  'dry-run': {type: 'boolean', default: false},
  force: {type: 'boolean', default: false},
  help: {type: 'boolean', short: 'h', default: false},
} as const;

function parse<const Options extends ParseArgsOptionsConfig>(program: string, args: string[], options: Options) {
  try {
    return parseArgs({args, options, strict: true}).values;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new FustorError('USAGE', `${message}.`.replace('..', '.'), {cause, hint: `Run "${program} install --help".`});
  }
}

type StartFile = {option: 'config' | 'bootstrap'; file: string};

/** What the service is started with. */
function fileOf(
  role: Role,
  {config, bootstrap}: {config?: string | undefined; bootstrap?: string | undefined},
): StartFile {
  if (bootstrap === undefined) return {option: 'config', file: resolve(config ?? defaultFile)};
  const program = executableNames[role.program];
  const hint = `Run "${program} install --help".`;
  if (!role.bootstrap) throw new FustorError('USAGE', `${program} has no --bootstrap.`, {hint});
  if (config !== undefined) throw new FustorError('USAGE', 'Both --config and --bootstrap are given.', {hint});
  return {option: 'bootstrap', file: resolve(bootstrap)};
}

function checkName(option: string, name: string | undefined): void {
  if (name === undefined || isName(name)) return;
  throw new FustorError('USAGE', `"${name}" cannot be the --${option}.`, {
    hint: 'Letters, digits, ".", "_" and "-"; the first a letter or digit.',
  });
}

function helpOf(program: string, {bootstrap}: Role): string {
  const bootstrapHelp =
    '\n  --bootstrap FILE what a node starts with to which a controller says all else; instead of --config';
  return `${program} install [OPTIONS]   write systemd units, and say what to do then

  --config FILE    the configuration; default: ${defaultFile}${bootstrap ? bootstrapHelp : ''}
                   The service has the variables of the file beside it that ends in .env (NAME=value lines).
  --user USER      whom the service runs as; default: ${installOptions.user.default}
  --name NAME      for a second one on the same host: ${program}-NAME
  --unit-dir DIR   where the units go; default: ${installOptions['unit-dir'].default}
  --dry-run        print the units, write nothing
  --force          replace units that have another content`;
}

/** With the variables that the service will have, not with those of whoever installs it. */
async function describeForService(
  role: Role,
  {option, file, environmentFile}: StartFile & {environmentFile: string},
): Promise<Described> {
  try {
    return await role[option]!(file, readEnvironment(environmentFile));
  } catch (error) {
    if (!(error instanceof FustorError)) throw error;
    const {code, message, hint, cause} = error;
    const variables = `The service has the environment variables of ${environmentFile}.`;
    throw new FustorError(code, message, {cause, hint: hint === undefined ? variables : `${hint}\n${variables}`});
  }
}

function readEnvironment(file: string): NodeJS.ProcessEnv {
  try {
    return existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  } catch (cause) {
    const code = systemErrorCode(cause) ?? String(cause);
    throw new FustorError('CONFIG_INVALID', `Cannot read the variables in ${file}: ${code}.`, {
      cause,
      hint: 'Run it as root.',
    });
  }
}

function refuseFor([problem]: Problem[]): void {
  if (!problem) return;
  throw new FustorError('UNITS_NOT_WRITTEN', problem.message, {hint: problem.hint});
}

function asComment({name, text}: Unit, directory: string): string {
  return `# ${join(directory, name)}\n${text}`;
}

function nextSteps(written: Written[], {user, data}: {user: string; data: string}): string[] {
  const names = written.map(({path}) => path.slice(path.lastIndexOf('/') + 1)).join(' ');
  const isMade = existsSync(data) || data.startsWith(stateRoot);
  return [
    'Now run:',
    ...(isMade ? [] : [`  install -d -m 700 -o ${user} ${data}`]),
    '  systemctl daemon-reload',
    `  systemctl enable --now ${names}`,
    ...(written.some(({change}) => change === 'replaced') ? [`  systemctl try-restart ${names}`] : []),
  ];
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}
