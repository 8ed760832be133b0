import {spawn} from 'node:child_process';
import {setTimeout as delay} from 'node:timers/promises';
import {FustorError, systemErrorCode} from '../../../core/errors/fustor-error.ts';

export type GitSettings = {
  /** The git directory; relative paths and processes start here. */
  directory: string;
  /** Settings as `git -c` takes them. They go through the environment: command lines can be read by every user. */
  config: readonly (readonly [name: string, value: string])[];
  /** What besides must not be shown. */
  secrets: readonly string[];
  env: NodeJS.ProcessEnv;
};

export type GitRun = {
  input?: string;
  timeoutMs: number;
  signal: AbortSignal;
  /** Of what it tells. */
  bytesMax?: number;
};

export type GitEnd = {code: number; stdout: Buffer; stderr: string};

const bytesMaxDefault = 2 ** 20;
const stderrMax = 16 * 1024;
/** From SIGTERM, on which git removes its lock files, to SIGKILL. */
const graceMs = 2_000;
/** What git started, a shared connection of ssh say, may keep its output open after it. */
const outputMs = 1_000;

/** Of the process that starts a controller, and not meant for its repository. */
const foreignVariables = [
  ...['GIT_DIR', 'GIT_WORK_TREE', 'GIT_COMMON_DIR', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY', 'GIT_PREFIX'],
  ...['GIT_ALTERNATE_OBJECT_DIRECTORIES', 'GIT_NAMESPACE', 'GIT_CONFIG', 'GIT_SHALLOW_FILE', 'GIT_GRAFT_FILE'],
];

/**
 * The program `git` of this host, as the administrator has set it up: its configuration, ssh keys and credential helpers work.
 * It asks nobody anything: there is no terminal.
 */
export class GitProcess {
  readonly #settings: GitSettings;

  constructor(settings: GitSettings) {
    this.#settings = settings;
  }

  /** What it tells. Rejects with GIT_FAILED also when it ends with another code than 0. */
  async tell(args: readonly string[], run: GitRun): Promise<Buffer> {
    const {code, stdout, stderr} = await this.run(args, run);
    if (code === 0) return stdout;
    throw new FustorError('GIT_FAILED', `"git ${args[0]}" failed: ${this.reason(stderr)}.`);
  }

  /** Rejects with GIT_FAILED when it is missing, is killed, takes too long or tells too much. */
  async run(args: readonly string[], {input, timeoutMs, signal, bytesMax = bytesMaxDefault}: GitRun): Promise<GitEnd> {
    signal.throwIfAborted();
    const {directory} = this.#settings;
    // In a session of its own: ssh finds no terminal to ask on, and whatever git starts ends with it.
    const child = spawn('git', ['--git-dir=.', ...args], {cwd: directory, env: this.#environment(), detached: true});
    let failure: FustorError | undefined;
    const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
      child.once('error', cause => reject(cannotStart(cause)));
      child.once('close', (code, by) => resolve(code ?? by!));
      child.once('exit', (code, by) => {
        clearTimeout(kill);
        if (failure) killGroup(child.pid, 'SIGKILL');
        void delay(outputMs, undefined, {ref: false}).then(() => resolve(code ?? by!));
      });
    });
    let kill: NodeJS.Timeout | undefined;
    const end = (reason: string) => {
      if (failure) return;
      failure = new FustorError('GIT_FAILED', `"git ${args[0]}" was ended: ${reason}.`);
      killGroup(child.pid, 'SIGTERM');
      kill = setTimeout(() => killGroup(child.pid, 'SIGKILL'), graceMs);
    };
    const timeout = setTimeout(() => end(`it took longer than ${timeoutMs / 1000} s`), timeoutMs);
    const stop = () => end('the controller ends');
    signal.addEventListener('abort', stop, {once: true});

    const stdout: Buffer[] = [];
    let length = 0;
    let stderr = Buffer.alloc(0);
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.byteLength;
      if (length <= bytesMax) stdout.push(chunk);
      else end(`it told more than ${bytesMax} bytes`);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = Buffer.concat([stderr, chunk]).subarray(-stderrMax);
    });
    child.stdin.on('error', () => {}); // it ended before it read: its end tells
    child.stdin.end(input);
    try {
      const code = await ended;
      if (failure) throw failure;
      if (typeof code === 'number') return {code, stdout: Buffer.concat(stdout), stderr: stderr.toString()};
      throw new FustorError('GIT_FAILED', `"git ${args[0]}" was killed by ${code}.`);
    } finally {
      clearTimeout(timeout);
      signal.removeEventListener('abort', stop);
      child.stdout.destroy();
      child.stderr.destroy();
    }
  }

  /** What it says went wrong, in one line that may be shown. */
  reason(stderr: string): string {
    const lines = stderr.split('\n').flatMap(line => line.replace(/^(fatal|error|remote): /, '').trim() || []);
    const text = lines
      .filter(line => !line.startsWith('hint:'))
      .join('; ')
      .replace(/\.$/, '');
    return (
      this.#settings.secrets.reduce((shown, secret) => shown.replaceAll(secret, '…'), text) || 'it does not say why'
    );
  }

  #environment(): NodeJS.ProcessEnv {
    const {env, config} = this.#settings;
    const own: NodeJS.ProcessEnv = {...env, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C', GIT_NO_REPLACE_OBJECTS: '1'};
    for (const name of foreignVariables) delete own[name];
    let count = Number(own.GIT_CONFIG_COUNT) || 0;
    for (const [name, value] of config) {
      own[`GIT_CONFIG_KEY_${count}`] = name;
      own[`GIT_CONFIG_VALUE_${count++}`] = value;
    }
    own.GIT_CONFIG_COUNT = String(count);
    return own;
  }
}

function cannotStart(cause: Error): FustorError {
  if (systemErrorCode(cause) !== 'ENOENT') {
    return new FustorError('GIT_FAILED', `Cannot start git: ${systemErrorCode(cause) ?? cause.message}.`, {cause});
  }
  return new FustorError('GIT_FAILED', 'The program git is not on this host, or not in the PATH of the controller.', {
    cause,
    hint: 'Install it ("apt-get install git", "dnf install git").',
  });
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // it is gone
  }
}
