import {openMemoryTree} from '../lib/memory-tree.ts';
import type {Scenario} from './scenario.ts';
import {simulate} from './simulate.ts';

/** Leaves out actions, larger parts first, as long as something still goes wrong. */
export async function shrink(scenario: Scenario): Promise<Scenario> {
  let {actions} = scenario;
  for (let size = actions.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < actions.length; ) {
      const fewer = actions.toSpliced(at, size);
      const {violations} = await simulate({...scenario, actions: fewer}, openMemoryTree());
      if (violations.length > 0) actions = fewer;
      else at += size;
    }
  }
  return {...scenario, actions};
}
