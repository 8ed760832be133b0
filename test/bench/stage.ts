import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {makeTree} from '../lib/make-tree.ts';
import {Site} from '../lib/site.ts';
import {say} from './elapsed.ts';
import {type RivalName, Rivals} from './rivals.ts';
import type {Rows} from './rows.ts';

export type StageSettings = {
  /** Files of the tree that most groups share, and of the last group's. */
  files: number;
  largeFiles: number;
};

/** So few files that a run only shows that everything works: no goal is judged, and nothing is waited for longer than that needs. */
export function isShort({files, largeFiles}: StageSettings): boolean {
  return Math.max(files, largeFiles) < 20_000;
}

/** A group of figures. Groups run one after another on one stage, and leave its tree and its site as they found them, but larger. */
export type Group = (stage: Stage) => Promise<void>;

/** What the groups of a run share: the figures, a folder on a disk, one tree of files, one site on it, the other programs. */
export class Stage {
  readonly rows: Rows;
  readonly settings: StageSettings;
  readonly folder = mkdtempSync(join(tmpdir(), 'stage-'));
  readonly #rivals = new Rivals();
  #tree: {root: string; entries: number} | undefined;
  #site: Site | undefined;

  constructor(settings: StageSettings, rows: Rows) {
    this.settings = settings;
    this.rows = rows;
  }

  get isShort(): boolean {
    return isShort(this.settings);
  }

  /** How often something is measured of which a figure is the median. */
  rounds(usual: number): number {
    return this.isShort ? 1 : usual;
  }

  /** For so long a file that was just written may be written to again: `hot_file_threshold` of all sites. */
  get hotFileMs(): number {
    return this.isShort ? 1_000 : 30_000;
  }

  /** The built fusion and agent on a tree, not started. */
  newSite(root: string, pipe = ''): Site {
    return new Site(root, {pipe, view: `, hot_file_threshold: ${this.hotFileMs}ms`});
  }

  /** The tree of `settings.files` files, made when it is first asked for. `entries` counts directories, too, not its root. */
  tree(): {root: string; entries: number} {
    if (!this.#tree) {
      const root = join(this.folder, 'tree');
      say(`  making ${this.settings.files.toLocaleString('en')} files`);
      this.#tree = {root, entries: makeTree(root, this.settings.files)};
    }
    return this.#tree;
  }

  /** The built fusion and agent on that tree, live. */
  async site(): Promise<Site> {
    if (!this.#site) {
      this.#site = this.newSite(this.tree().root);
      await this.#site.start();
      await this.#site.live(600_000);
    }
    return this.#site;
  }

  /** Hands over a live site that a group started itself on the tree, to measure how it came up. */
  keep(site: Site): void {
    this.#site = site;
  }

  /** The path of another program, installed when it is first asked for; undefined where it cannot be had, which is told. */
  rival(name: RivalName): Promise<string | undefined> {
    return this.#rivals.path(name);
  }

  /** Of a program that `rival` found: for what a figure is measured against. */
  rivalVersion(name: RivalName): string {
    return this.#rivals.version(name);
  }

  /** Ends the site; the next that asks gets a new one. */
  async endSite(): Promise<void> {
    await this.#site?.dispose();
    this.#site = undefined;
  }

  async dispose(): Promise<void> {
    await this.endSite();
    rmSync(this.folder, {recursive: true, force: true});
  }
}
