import {type ChildProcess, type SpawnOptions, spawn} from 'node:child_process';
import {join} from 'node:path';
import {until} from './until.ts';

const root = join(import.meta.dirname, '../..');

/** A process that runs a module written in a test; `import … from 'cmd/…'` finds the tree. */
export class ScriptProcess {
  readonly child: ChildProcess;
  #stdout = '';
  #stderr = '';

  constructor(source: string, options: SpawnOptions = {}, executable = process.execPath) {
    this.child = spawn(executable, scriptArguments(source), {stdio: ['pipe', 'pipe', 'pipe'], ...options});
    this.child.stdout?.on('data', chunk => {
      this.#stdout += chunk;
    });
    this.child.stderr?.on('data', chunk => {
      this.#stderr += chunk;
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** The whole lines of its stdout so far. */
  get lines(): string[] {
    return this.#stdout.split('\n').slice(0, -1);
  }

  /** Resolves to its stdout when that has this many lines; rejects with its stderr when it ends before. */
  async line(number: number): Promise<string> {
    await until(() => this.lines.length >= number || this.#hasEnded, {what: `line ${number} of a script`});
    if (this.lines.length < number)
      throw new Error(`The script ended after ${this.lines.length} lines. ${this.#stderr}`);
    return this.lines[number - 1]!;
  }

  async ended(): Promise<{code: number | null; signal: NodeJS.Signals | null; stderr: string}> {
    await until(() => this.#hasEnded, {what: 'the end of a script'});
    return {code: this.child.exitCode, signal: this.child.signalCode, stderr: this.#stderr};
  }

  async kill(): Promise<void> {
    if (!this.#hasEnded) this.child.kill('SIGKILL');
    await this.ended();
  }

  get #hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}

function scriptArguments(source: string): string[] {
  const resolved = source.replaceAll(/from '((?:cmd|core|test)\/[^']+)'/g, (_, path) => `from '${join(root, path)}'`);
  return ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', resolved];
}
