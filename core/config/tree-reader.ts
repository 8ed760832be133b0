import {isAlias, isMap, isScalar, isSeq, type ParsedNode, type YAMLMap} from 'yaml';
import type {Problem, SettingPath} from './mistakes.ts';

/** Where a setting stands, and what was written there before secrets were put in; `{}` and `[]` for any group or list. */
export type Place = {keyOffset: number; valueOffset: number; written: unknown};

/** Called for every text value; its result takes the place of the text. */
export type TextReader = (text: string) => {value: string} | {mistake: string};

/** Bounds what a small file can grow to by aliases of aliases. */
const valuesMax = 100_000;
const depthMax = 32;

/** Turns the nodes of a YAML document into plain values and remembers where each was written. */
export class TreeReader {
  readonly #readText: TextReader;
  readonly #problems: Problem[];
  readonly #places = new Map<string, Place>();
  readonly #anchors = new Map<string, ParsedNode>();
  /** Nodes whose content is being read, to notice an alias inside what it stands for. */
  readonly #open = new Set<ParsedNode>();
  #valueCount = 0;

  constructor({readText, problems}: {readText: TextReader; problems: Problem[]}) {
    this.#readText = readText;
    this.#problems = problems;
  }

  read(root: ParsedNode): unknown {
    return this.#read(root, [], root.range[0]);
  }

  /** Undefined for a setting that is not in the file. */
  place(path: SettingPath): Place | undefined {
    return this.#places.get(placeKey(path));
  }

  #read(node: ParsedNode, path: SettingPath, keyOffset: number): unknown {
    const valueOffset = node.range[0];
    this.#valueCount++;
    if (this.#valueCount > valuesMax || path.length > depthMax) return this.#refuseSize(valueOffset);
    if (isAlias(node)) return this.#readAlias(node.source, path, {keyOffset, valueOffset});

    if (node.anchor) this.#anchors.set(node.anchor, node);
    if (node.tag) this.#report(valueOffset, path, 'a YAML tag ("!…") has no meaning here');
    this.#places.set(placeKey(path), {
      keyOffset,
      valueOffset,
      written: isScalar(node) ? node.value : isSeq(node) ? [] : {},
    });

    this.#open.add(node);
    const value = this.#readContent(node, path);
    this.#open.delete(node);
    return value;
  }

  #readContent(node: ParsedNode, path: SettingPath): unknown {
    if (isSeq<ParsedNode>(node)) {
      return node.items.map((item, index) => this.#read(item, [...path, index], item.range[0]));
    }
    if (isMap<ParsedNode, ParsedNode | null>(node)) return this.#readGroup(node, path);
    if (!isScalar(node) || typeof node.value !== 'string') return isScalar(node) ? node.value : undefined;

    const read = this.#readText(node.value);
    if ('value' in read) return read.value;
    this.#report(node.range[0], path, read.mistake);
    return undefined;
  }

  #readGroup(group: YAMLMap<ParsedNode, ParsedNode | null>, path: SettingPath): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    for (const {key, value} of group.items) {
      const name = isScalar(key) && key.value !== null ? (key.source ?? String(key.value)) : undefined;
      const keyOffset = key.range[0];
      if (name === undefined) this.#report(keyOffset, path, 'the name of a setting must be a plain text');
      else if (name === '__proto__') this.#report(keyOffset, path, 'this name cannot be used');
      else if (entries.has(name)) this.#report(keyOffset, [...path, name], 'this name stands here a second time');
      else entries.set(name, this.#readSetting(value, [...path, name], keyOffset));
    }
    return Object.fromEntries(entries);
  }

  #readSetting(value: ParsedNode | null, path: SettingPath, keyOffset: number): unknown {
    if (value) return this.#read(value, path, keyOffset);
    this.#places.set(placeKey(path), {keyOffset, valueOffset: keyOffset, written: null});
    return null;
  }

  #readAlias(name: string, path: SettingPath, offsets: {keyOffset: number; valueOffset: number}): unknown {
    const target = this.#anchors.get(name);
    if (!target) return this.#report(offsets.valueOffset, path, `no "&${name}" stands above this "*${name}"`);
    if (this.#open.has(target)) return this.#report(offsets.valueOffset, path, `"*${name}" stands inside "&${name}"`);
    return this.#read(target, path, offsets.keyOffset);
  }

  #refuseSize(offset: number): undefined {
    // Told once: every further value would say the same.
    if (this.#valueCount < Number.POSITIVE_INFINITY) this.#report(offset, [], 'too many settings, or nested too deep');
    this.#valueCount = Number.POSITIVE_INFINITY;
  }

  #report(offset: number, path: SettingPath, message: string): undefined {
    this.#problems.push({offset, path, message});
  }
}

function placeKey(path: SettingPath): string {
  return JSON.stringify(path);
}
