import type {Stage} from '../stage.ts';

/** Watching a tree, beside what others watch with. */
export async function watchGroup(_stage: Stage): Promise<void> {}
