import type {KindName} from './kinds.ts';

/** What a word of a command line can be: one of these words, a name of that kind that the server knows, or a path here. */
export type Completion =
  | readonly string[]
  | {kind: KindName}
  /** The name of the kind that the word before it says. */
  | 'name of kind'
  /** A pipe of the agent, or a part of the fusion, that the word before it names. */
  | 'part of node'
  | 'file'
  | 'context'
  | 'nothing';
