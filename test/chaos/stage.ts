import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {Prng} from '../lib/prng.ts';
import {faults} from './faults/all.ts';
import {type Lost, Scene} from './faults/fault.ts';
import {judge} from './judge.ts';
import type {PhaseReport, ProberReport, Problem} from './prober/messages.ts';
import {Prober} from './prober/prober.ts';
import type {Planned} from './schedule.ts';
import {processesAbout} from './site/census.ts';
import {ChaosSite, type ChaosSiteSettings} from './site/chaos-site.ts';
import {Usage, type UsageRow} from './usage.ts';
import {Writer} from './writer/writer.ts';

export type StageSettings = ChaosSiteSettings & {
  name: string;
  seed: number;
  /** Requests and changes a second. */
  requests: number;
  changes: number;
  plan: Iterable<Planned>;
  /** No fault begins later than so long after the first snapshot. */
  durationMs: number;
  /** After so many faults the writer pauses until the view equals the storage. */
  settleEvery: number;
  keep: boolean;
  /** Aborts when no further fault is wanted. */
  signal: AbortSignal;
  say: (line: string) => void;
};

/** One fault, or another part of a stage, and everything that was asked while it lasted. */
export type Phase = {
  stage: string;
  name: string;
  planned: Planned | undefined;
  startedAt: number;
  endedAt: number;
  /** From the fault to a live view in which a new change is seen; undefined when nothing had to recover. */
  recoveryMs: number | undefined;
  problems: Problem[];
  /** What must not have been. */
  wrong: string[];
  report: PhaseReport | undefined;
};

export type StageReport = {phases: Phase[]; usage: UsageRow[]; prober: ProberReport | undefined; changes: number};

const firstSnapshotMs = 300_000;

/** A site from its cold start through a list of faults to its end, asked without pause and changed all the time. */
export class Stage {
  readonly #settings: StageSettings;
  readonly #site: ChaosSite;
  readonly #phases: Phase[] = [];
  readonly #lost: Lost[] = [];
  readonly #refusals: {from: number; to: number}[] = [];
  readonly #usage: Usage;
  #prober: Prober | undefined;
  #writer: Writer | undefined;

  static async run(settings: StageSettings): Promise<StageReport> {
    const stage = new Stage(settings, await ChaosSite.open(settings));
    try {
      return await stage.#run();
    } finally {
      await stage.#dispose();
    }
  }

  private constructor(settings: StageSettings, site: ChaosSite) {
    this.#settings = settings;
    this.#site = site;
    this.#usage = new Usage(site);
    settings.say(`${settings.name}: ${settings.files} files in ${site.folder}, port ${site.port}`);
  }

  async #run(): Promise<StageReport> {
    const isAlive = (await this.#begin()) && (await this.#inflictAll());
    if (isAlive) await this.#phase('settle', () => this.#settle());
    const usage = this.#usage.stop(this.#settings.name);
    const report = await this.#prober!.finish();
    await this.#writer!.end();
    await this.#phase('end', () => this.#end());
    this.#judge(report);
    return {phases: this.#phases, usage, prober: report, changes: this.#writer!.changes};
  }

  /** False when there is no living site to go on with. */
  async #begin(): Promise<boolean> {
    const {seed, requests, changes} = this.#settings;
    const {url, key, storage} = this.#site;
    const base = join(storage, 'base');
    const isUp = await this.#phase('cold-start', async () => {
      const prober = new Prober({url, key, base, rate: requests, seed});
      this.#prober = prober;
      this.#writer = new Writer({directory: join(storage, 'storm'), seed, rate: changes});
      // Where the shell binds the socket itself, nobody can be asked before.
      if (this.#site.holder === 'shell') await this.#site.startFusion();
      await prober.begin();
      if (this.#site.holder === 'supervisor') await this.#site.startFusion();
      await sleep(3_000); // without an agent: there is nothing to wait for
    });
    if (!isUp) return false;
    return this.#phase('first-snapshot', async () => {
      await this.#writer!.resume();
      this.#site.services.agent.start();
      return this.#site.recovered(firstSnapshotMs);
    });
  }

  async #inflictAll(): Promise<boolean> {
    const deadline = performance.now() + this.#settings.durationMs;
    let count = 0;
    for (const planned of this.#settings.plan) {
      if (performance.now() > deadline || this.#settings.signal.aborted) return true;
      if (!(await this.#inflict(planned))) return false;
      if (++count % this.#settings.settleEvery === 0 && !(await this.#phase('settle', () => this.#settle())))
        return false;
    }
    return true;
  }

  /** Whether the site is whole again. */
  async #inflict(planned: Planned): Promise<boolean> {
    const fault = faults.find(({name}) => name === planned.fault)!;
    const scene = new Scene(this.#site, new Prng(planned.seed), this.#lost);
    return this.#phase(
      fault.name,
      async phase => {
        await sleep(planned.delayMs); // a random moment of whatever is going on
        const from = Date.now();
        const before = await this.#site.leaderSession();
        await fault.inflict(scene).catch(error => void phase.wrong.push(`${fault.name}: ${messageOf(error)}`));
        const recoveryMs = await this.#site.recovered();
        const after = await this.#site.leaderSession();
        if (fault.keepsSession && after !== before) phase.wrong.push(`session ${before} became ${after}`);
        if (fault.mayRefuse?.(this.#site)) this.#refusals.push({from, to: Date.now()});
        return recoveryMs;
      },
      planned,
    );
  }

  /** Whether what is to happen did. */
  async #phase(name: string, happen: (phase: Phase) => Promise<unknown>, planned?: Planned): Promise<boolean> {
    const {name: stage, say} = this.#settings;
    const phase: Phase = {
      stage,
      name,
      planned,
      startedAt: Date.now(),
      endedAt: 0,
      recoveryMs: undefined,
      problems: [],
      wrong: [],
      report: undefined,
    };
    this.#phases.push(phase);
    const isKnown = this.#phases.some(one => one.name === 'first-snapshot' && one.endedAt > 0);
    if (name !== 'end') this.#prober?.enter(this.#phases.length - 1, isKnown);
    let isDone = true;
    try {
      const result = await happen(phase);
      if (typeof result === 'number') phase.recoveryMs = result;
    } catch (error) {
      phase.wrong.push(`${name}: ${messageOf(error)}`);
      isDone = false;
    }
    phase.endedAt = Date.now();
    const seconds = ((phase.endedAt - phase.startedAt) / 1_000).toFixed(1);
    const {asked = 0, problems = []} = this.#prober ?? {};
    const counts = `${asked} asked, ${problems.length} problems, ${this.#writer?.changes ?? 0} changes`;
    say(
      `${stage} ${this.#phases.length - 1} ${name}: ${seconds} s; ${counts}${phase.wrong.map(text => `\n  ${text}`).join('')}`,
    );
    return isDone;
  }

  async #settle(): Promise<void> {
    await this.#writer!.pause();
    await this.#site.same();
    await this.#writer!.resume();
  }

  async #end(): Promise<void> {
    const codes = await this.#site.stop();
    const wrong = Object.entries(codes).flatMap(([role, code]) =>
      code === 0 ? [] : [`the ${role} ended with ${code}`],
    );
    const left = processesAbout(this.#site.folder);
    if (left.length > 0) wrong.push(`left over: ${left.map(({pid, command}) => `${pid} ${command}`).join('; ')}`);
    if (wrong.length > 0) throw new Error(wrong.join('; '));
  }

  #judge(report: ProberReport): void {
    for (const one of report.phases) this.#phases[one.phase]!.report = one;
    for (const problem of this.#prober!.problems) {
      const phase = this.#phases[problem.phase]!;
      const isRefusal = this.#refusals.some(({from, to}) => problem.at >= from && problem.at <= to + 1_000);
      const wrong = judge(problem, {lost: this.#lost, mayRefuse: isRefusal});
      phase.problems.push(problem);
      if (wrong !== undefined) phase.wrong.push(wrong);
    }
  }

  async #dispose(): Promise<void> {
    this.#usage.stop('');
    await this.#prober?.end();
    await this.#writer?.end();
    const hasFailed = this.#phases.some(({wrong}) => wrong.length > 0);
    if (hasFailed) this.#settings.say(`${this.#settings.name}: what went wrong is in ${this.#site.folder}`);
    await this.#site.dispose({keep: this.#settings.keep || hasFailed});
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
