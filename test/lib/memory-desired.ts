import type {DesiredState, Offer, OfferOutcome, SiteFiles} from '../../core/control/desired-state.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';

type Revision = {files: SiteFiles; commit: string | undefined; author: string; message: string};

/** A desired state in memory, whose files may say anything but "mistake"; a file "broken.yaml" makes the whole senseless. */
export class MemoryDesired implements DesiredState {
  readonly revisions: Revision[] = [{files: new Map(), commit: undefined, author: '', message: ''}];
  offers = 0;
  #current = 0;
  #pin: ReturnType<DesiredState['pin']>;

  async offer({files, commit, author, message}: Offer): Promise<OfferOutcome> {
    this.offers++;
    if (files.has('broken.yaml')) throw new FustorError('CONFIG_INVALID', 'The whole makes no sense.');
    const before = this.current().files;
    const problems = [...files].flatMap(([file, text]) =>
      text.includes('mistake') ? [{file, message: `${file}:1:1  a mistake`}] : [],
    );
    const good = new Map(files);
    for (const {file} of problems) {
      if (before.has(file)) good.set(file, before.get(file)!);
      else good.delete(file);
    }
    const isSame = JSON.stringify([...good].sort()) === JSON.stringify([...before].sort());
    if (isSame && !this.#pin) return {revision: this.#current, isNew: false, problems, changed: []};
    this.revisions.push({files: good, commit, author, message});
    if (this.#pin) return {revision: this.#current, isNew: false, problems, changed: []};
    this.#current = this.revisions.length - 1;
    return {revision: this.#current, isNew: true, problems, changed: [{kind: 'agent', id: 'node-a'}]};
  }

  current(): ReturnType<DesiredState['current']> {
    const {files, commit} = this.revisions[this.#current]!;
    return {revision: this.#current, files, commit};
  }

  pin(): ReturnType<DesiredState['pin']> {
    return this.#pin;
  }

  rollback(revision: number): void {
    const {files, commit} = this.revisions[revision]!;
    this.revisions.push({files, commit, author: 'ops', message: 'back'});
    this.#current = this.revisions.length - 1;
    this.#pin = {revision, by: 'ops', at: 0};
  }

  release(): void {
    this.#pin = undefined;
  }
}
