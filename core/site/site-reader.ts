import type {SiteFiles} from '../control/desired-state.ts';
import {type ReadFile, readSiteFile} from './site-file.ts';

/** Reads files of the desired state; most are what they were the last time. */
export class SiteReader {
  #known = new Map<string, Map<string, ReadFile>>();

  readonly read = (path: string, text: string): ReadFile => {
    const texts = this.#known.get(path) ?? new Map<string, ReadFile>();
    const result = texts.get(text) ?? readSiteFile(path, text);
    this.#known.set(path, texts.set(text, result));
    return result;
  };

  /** From now on only these are remembered. */
  forgetOthers(files: SiteFiles): void {
    const kept = Array.from(files, ([path, text]) => [path, new Map([[text, this.read(path, text)]])] as const);
    this.#known = new Map(kept);
  }
}
