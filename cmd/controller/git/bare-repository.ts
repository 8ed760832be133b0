import {readdirSync, rmSync} from 'node:fs';
import {mkdir, rm} from 'node:fs/promises';
import {basename, join} from 'node:path';
import type {GitConfig} from '../../../core/config/schema.ts';
import type {FileProblem} from '../../../core/control/desired-state.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {CommitContent, GitRepository} from '../../../core/git/git-repository.ts';
import {GitProcess, type GitRun} from './git-process.ts';
import {takeApart} from './git-url.ts';
import {blobBytesMax, chooseFiles, parseBlobs, parseTree, textOf} from './tree-files.ts';

const fetched = 'refs/fustor/fetched';
/** A reference of our own: it also keeps the commit when the branch goes elsewhere. */
const accepted = 'refs/fustor/accepted';

/** For what needs no network. */
const localMs = 60_000;
const listingBytesMax = 64 * 2 ** 20;
const messageMax = 4_096;

const credentialHelper = `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$FUSTOR_GIT_USER" "$FUSTOR_GIT_PASSWORD"; }; f`;

/**
 * A copy of the branch in a bare repository below the controller's data directory. There is never a checkout: files are read
 * out of Git's objects, so nothing in the repository is written to a path or executed. The copy may be deleted at any time.
 */
export class BareRepository implements GitRepository {
  readonly #settings: GitConfig;
  readonly #directory: string;
  readonly #git: GitProcess;
  #isPrepared = false;

  constructor(settings: GitConfig, {directory, env}: {directory: string; env: NodeJS.ProcessEnv}) {
    this.#settings = settings;
    this.#directory = directory;
    const {url, credentials, secrets} = takeApart(settings.url);
    const {user, password} = credentials ?? {};
    const config: [string, string][] = [
      ['remote.origin.url', url],
      // Nothing goes on behind a call that is over.
      ['gc.autoDetach', 'false'],
      ['maintenance.autoDetach', 'false'],
      ['core.fsync', 'committed'],
      ['core.hooksPath', '/dev/null'],
    ];
    if (credentials) {
      // An empty one forgets those before it.
      const name = `credential.${url}.helper`;
      config.push([name, ''], [name, credentialHelper]);
    }
    if (settings.allowedSigners !== undefined) config.push(['gpg.ssh.allowedSignersFile', settings.allowedSigners]);
    const own = credentials && {FUSTOR_GIT_USER: user, FUSTOR_GIT_PASSWORD: password};
    this.#git = new GitProcess({directory, config, secrets, env: {...env, ...own}});
  }

  async fetch(signal: AbortSignal): Promise<string> {
    await this.#prepare(signal);
    const {branch, timeoutMs} = this.#settings;
    const flags = ['--quiet', '--force', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head'];
    try {
      const refspec = `+refs/heads/${branch}:${fetched}`;
      await this.#git.tell(['fetch', ...flags, 'origin', refspec], {timeoutMs, signal});
    } catch (error) {
      if (!signal.aborted) await this.#repair(signal).catch(() => {});
      throw error;
    }
    return this.#resolve(fetched, signal);
  }

  async accepted(signal: AbortSignal): Promise<string | undefined> {
    return this.#resolve(accepted, signal).catch(() => undefined);
  }

  async accept(commit: string, signal: AbortSignal): Promise<void> {
    await this.#git.tell(['update-ref', accepted, commit], local(signal));
  }

  async descends(commit: string, ancestor: string, signal: AbortSignal): Promise<boolean> {
    // A commit that is not here at all is in nobody's history.
    const {code} = await this.#git.run(['merge-base', '--is-ancestor', ancestor, commit], local(signal));
    return code === 0;
  }

  async verify(commit: string, signal: AbortSignal): Promise<void> {
    const {code, stderr} = await this.#git.run(['verify-commit', commit], local(signal));
    if (code === 0) return;
    const reason = stderr.trim() === '' ? 'it has no signature' : this.#git.reason(stderr);
    throw new FustorError('GIT_FAILED', `The commit ${short(commit)} is not signed as it must be: ${reason}.`, {
      hint: 'Sign it with a key that counts here, or have the key count: "signed_only" and "allowed_signers" of controller.git.',
    });
  }

  async read(commit: string, signal: AbortSignal): Promise<CommitContent> {
    const format = ['--format=%an <%ae>%x00%B', '--encoding=UTF-8', '--no-show-signature', '--no-notes', '--no-patch'];
    const [author = '', message = ''] = String(await this.#git.tell(['show', ...format, commit], local(signal))).split(
      '\0',
    );
    const {chosen, problems} = chooseFiles(parseTree(await this.#list(commit, signal)));
    const input = chosen.map(({object}) => `${object}\n`).join('');
    const told = await this.#git.tell(['cat-file', '--batch'], {...local(signal), input, bytesMax: blobBytesMax});
    const files = new Map<string, string>();
    for (const [index, content] of parseBlobs(told).entries()) {
      const {path} = chosen[index]!;
      const text = textOf(content);
      if (text === undefined) problems.push(problem(path, 'it is not a text in UTF-8'));
      else files.set(path, text);
    }
    return {author, message: message.trim().slice(0, messageMax), files, problems};
  }

  async #list(commit: string, signal: AbortSignal): Promise<Buffer> {
    const {path} = this.#settings;
    const tree = `${commit}:${path}`;
    const run = {...local(signal), bytesMax: listingBytesMax};
    const {code, stdout} = await this.#git.run(['ls-tree', '-r', '-z', '-l', '--full-tree', tree], run);
    if (code === 0) return stdout;
    throw new FustorError('GIT_FAILED', `The commit ${short(commit)} has no folder "${path}".`);
  }

  async #resolve(name: string, signal: AbortSignal): Promise<string> {
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`];
    return String(await this.#git.tell(args, local(signal))).trim();
  }

  /** Nobody else is at work in it: what a git that was killed has left over is in the way. */
  async #prepare(signal: AbortSignal): Promise<void> {
    if (this.#isPrepared) return;
    await mkdir(this.#directory, {recursive: true, mode: 0o700});
    this.#tidy();
    await this.#git.tell(['init', '--bare', '--quiet', '--template='], local(signal));
    this.#isPrepared = true;
  }

  /** After a failure: a copy that is damaged itself, by a power failure say, is made anew by the next attempt. */
  async #repair(signal: AbortSignal): Promise<void> {
    this.#tidy();
    const {code} = await this.#git.run(['fsck', '--connectivity-only', '--no-dangling'], local(signal));
    if (code === 0) return;
    await rm(this.#directory, {recursive: true, force: true});
    this.#isPrepared = false;
  }

  #tidy(): void {
    for (const path of readdirSync(this.#directory, {recursive: true, encoding: 'utf8'})) {
      if (!/^tmp_|\.lock$/.test(basename(path))) continue;
      rmSync(join(this.#directory, path), {recursive: true, force: true});
    }
  }
}

function local(signal: AbortSignal): GitRun {
  return {timeoutMs: localMs, signal};
}

function problem(path: string, message: string): FileProblem {
  return {file: path, message: `${path}: ${message}`};
}

function short(commit: string): string {
  return commit.slice(0, 12);
}
