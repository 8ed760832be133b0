import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {until} from '../lib/until.ts';
import {isAlive, listensOnUnixSocket, type Process, starvedMs} from './site/census.ts';
import {type ChaosSite, partsOf, type Role} from './site/chaos-site.ts';

const adoptionMsMax = 1_000;

/** Knows which parts there are, and looks whether they stay. */
export class Witness {
  readonly wrong: string[] = [];
  readonly #site: ChaosSite;
  readonly #role: Role;
  #parts: Process[];
  readonly #adoptionsMs: number[] = [];
  #partKills = 0;

  constructor(site: ChaosSite, role: Role) {
    this.#site = site;
    this.#role = role;
    this.#parts = this.#established();
  }

  async killPart(): Promise<void> {
    const part = this.#site.processes(...partsOf[this.#role])[0];
    if (!part) return; // the shell has not started it again yet
    process.kill(part.pid, 'SIGKILL');
    this.#partKills++;
    this.#parts = this.#parts.filter(({pid}) => pid !== part.pid);
    await until(() => !isAlive(part), {everyMs: 1, what: 'its end'});
  }

  /** Resolves when its supervisor has started it again. */
  async killShell(): Promise<void> {
    const service = this.#site.services[this.#role];
    const {startedAt} = service;
    this.#look(startedAt);
    service.kill('SIGKILL');
    await until(() => service.startedAt > startedAt, {everyMs: 1, what: 'another shell'});
  }

  finish(): void {
    this.#look(this.#site.services[this.#role].startedAt);
    const incomplete = this.#site.incomplete();
    if (incomplete !== undefined) this.wrong.push(`at the end: ${incomplete}`);
  }

  summary(): string {
    const sorted = this.#adoptionsMs.toSorted((a, b) => a - b);
    const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)];
    return `${sorted.length} adoptions, from exec p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, max ${at(1)} ms; ${this.#partKills} parts killed`;
  }

  /**
   * What a shell that started then, and lives until now, has done with the parts that it found. Time in which the machine gave
   * it no processor, because it has more to do than it can, is not the shell's.
   */
  #look(startedAt: number): void {
    const service = this.#site.services[this.#role];
    const ageMs = Date.now() - startedAt;
    const lostMs = service.pid === undefined ? 0 : starvedMs(service.pid);
    const adopted = this.#adoptions(startedAt);
    for (const part of this.#parts) {
      const who = `${part.kind} ${part.pid}`;
      const ms = adopted.get(part.pid);
      const starved = `${Math.round(lostMs)} ms of them without a processor`;
      if (!isAlive(part)) this.wrong.push(`${who} ended with its shell, or by its successor`);
      else if (ms !== undefined && ms - lostMs > adoptionMsMax) {
        this.wrong.push(`${who} was adopted after ${ms} ms, ${starved}`);
      } else if (ms === undefined && ageMs - lostMs > adoptionMsMax && service.endings.length > 0) {
        this.wrong.push(`${who} was not adopted within ${ageMs} ms, ${starved}`);
      }
    }
    this.#adoptionsMs.push(...adopted.values());
    this.#parts = this.#established();
    const kinds = this.#parts.map(({kind}) => kind).filter(kind => kind !== 'gateway');
    if (new Set(kinds).size < kinds.length) this.wrong.push(`there are ${kinds.join(' and ')}`);
  }

  /** One that has not read its configuration yet may end with its shell: it has begun nothing. */
  #established(): Process[] {
    return this.#site.processes(...partsOf[this.#role]).filter(({pid}) => listensOnUnixSocket(pid));
  }

  /** Milliseconds from the start of the shell, by process. */
  #adoptions(startedAt: number): Map<number, number> {
    const lines = readFileSync(join(this.#site.folder, `${this.#role}.log`), 'utf8').split('\n');
    const adoptions = new Map<number, number>();
    for (const line of lines.filter(text => text.includes('"message":"adopted"'))) {
      const {time, child} = JSON.parse(line) as {time: string; child: number};
      const ms = Date.parse(time) - startedAt;
      if (ms >= 0) adoptions.set(child, ms);
    }
    return adoptions;
  }
}
