import {type ChildProcess, fork} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {until} from '../../lib/until.ts';
import type {FromProber, ProberReport, ProberSettings, Problem, ToProber} from './messages.ts';

/** The runner's side of the prober, which is a process of its own so that the runner's work does not make it late. */
export class Prober {
  readonly problems: Problem[] = [];
  asked = 0;
  waiting = 0;
  readonly #process: ChildProcess;
  #isReady = false;
  #report: ProberReport | undefined;

  constructor(settings: ProberSettings) {
    this.#process = fork(join(import.meta.dirname, 'main.ts'), [JSON.stringify(settings)], {detached: true});
    this.#process.on('message', (message: FromProber) => this.#hear(message));
  }

  /** Until now it has only read the storage. */
  async begin(): Promise<void> {
    await until(() => this.#isReady, {what: 'the prober'});
    this.#send({type: 'begin'});
  }

  /** What is asked from now on belongs to this phase. `isKnown`: the view has had its first snapshot. */
  enter(phase: number, isKnown: boolean): void {
    this.#send({type: 'phase', phase, isKnown});
  }

  /** Resolves when everything that was asked has ended somehow. */
  async finish(): Promise<ProberReport> {
    const exited = once(this.#process, 'exit');
    this.#send({type: 'finish'});
    await exited;
    if (!this.#report) throw new Error('the prober ended without a report');
    return this.#report;
  }

  /** Resolves when its process is gone. */
  async end(): Promise<void> {
    const {exitCode, signalCode} = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  #send(message: ToProber): void {
    this.#process.send(message);
  }

  #hear(message: FromProber): void {
    switch (message.type) {
      case 'ready':
        this.#isReady = true;
        break;
      case 'problem':
        this.problems.push(message.problem);
        break;
      case 'tick':
        this.asked = message.asked;
        this.waiting = message.waiting;
        break;
      case 'report':
        this.#report = message.report;
        break;
      default:
        message satisfies never;
    }
  }
}
