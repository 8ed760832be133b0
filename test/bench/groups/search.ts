import type {Stage} from '../stage.ts';

/** Questions about everything, beside the programs that people ask. */
export async function searchGroup(_stage: Stage): Promise<void> {}
