import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, dirname, join} from 'node:path';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {AnswerError} from '../answer-error.ts';
import {outcomeOf, readCurrent, validateFiles} from '../desired-state.ts';
import {isObject, type JsonObject} from '../exact-json.ts';
import type {Io} from '../io.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb, VerbCall} from '../verb.ts';
import {appliedText} from './apply.ts';

type Flags = {message?: string};

/** Exit code 2 for a mistake that was not mended, 5 when somebody else was faster. What was typed is never lost. */
export const edit: Verb<Flags> = {
  name: 'edit',
  summary: 'Change one file of the desired state with $VISUAL or $EDITOR. It is validated before it is stored.',
  declare: command =>
    command.argument('<path>', 'the file, by its path in the desired state').option('-m, --message <text>', 'why'),
  completes: ['nothing'],
  nameOf: ({revision}) => `revision/${revision}`,

  run: async call => {
    const {argument, control, isJson, io} = call;
    const path = argument!;
    const {data: desired} = await control.get('desired');
    if (isObject(desired)) refuseInVain(desired);
    const current = await readCurrent(control);
    const before = current.files[path];
    if (before === undefined) {
      throw new FustorError('NOT_FOUND', `The desired state has no file ${path}.`, {
        hint: `It has ${Object.keys(current.files).join(', ') || 'none: begin with "fustorctl apply"'}.`,
      });
    }
    const file = join(mkdtempSync(join(tmpdir(), 'fustorctl-')), basename(path));
    writeFileSync(file, before, {mode: 0o600});
    for (;;) {
      const text = editedText(file, before, io);
      try {
        const data = text === before ? {revision: current.revision, is_new: false} : await store(text);
        rmSync(dirname(file), {recursive: true});
        await io.write(isJson ? jsonDocument({data}) : appliedText(outcomeOf(data)));
        return 0;
      } catch (error) {
        if (!(await isToBeMended(error, io))) throw error;
      }
    }

    async function store(text: string) {
      try {
        validateFiles({...current.files, [path]: text});
        return await send(call, {files: {[path]: text}, expected_revision: current.revision});
      } catch (error) {
        io.notice(keptText(file));
        throw error;
      }
    }
  },
};

function keptText(file: string): string {
  return `What you wrote is kept in ${file}`;
}

/** Before anybody types what cannot be stored. */
function refuseInVain({authority, pin}: JsonObject): void {
  if (authority === 'git') {
    throw new FustorError('NOT_THE_AUTHORITY', 'The desired state comes from Git, and is changed there.', {
      hint: 'Commit the change, push it, and run "fustorctl sync".',
    });
  }
  if (isObject(pin)) {
    throw new FustorError('NOT_THE_AUTHORITY', `Revision ${pin.revision} is pinned, by ${pin.by}.`, {
      hint: 'Run "fustorctl release" first.',
    });
  }
}

async function send({control, flags}: VerbCall<Flags>, change: object) {
  const {data} = await control.post('apply', {...change, ...(flags.message !== undefined && {message: flags.message})});
  return data;
}

/** When the editor fails, what was written until then is kept. */
function editedText(file: string, before: string, io: Io): string {
  try {
    runEditor(file, io.env);
  } catch (error) {
    if (readFileSync(file, 'utf8') === before) rmSync(dirname(file), {recursive: true});
    else io.notice(keptText(file));
    throw error;
  }
  return readFileSync(file, 'utf8');
}

/** Through a shell: the variable may have arguments in it. */
function runEditor(file: string, env: NodeJS.ProcessEnv): void {
  const editor = env.VISUAL || env.EDITOR || 'vi';
  const {status, error} = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], {stdio: 'inherit', env});
  if (status === 0) return;
  const reason = error ? error.message : `it ended with ${status}`;
  throw new FustorError('USAGE', `The editor "${editor}" failed: ${reason}.`, {
    hint: 'Name another one in EDITOR. Nothing was stored.',
  });
}

async function isToBeMended(error: unknown, io: Io): Promise<boolean> {
  const isMistake =
    (error instanceof FustorError && error.code === 'CONFIG_INVALID') ||
    (error instanceof AnswerError && error.body.error.code === 'CONFIG_INVALID');
  if (!isMistake || !io.ask) return false;
  io.notice(error.message);
  return !/^n/i.test((await io.ask('Edit again? [Y/n] ')).trim());
}
