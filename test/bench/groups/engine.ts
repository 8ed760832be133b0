import type {Stage} from '../stage.ts';

/** An engine alone, without files, agents and HTTP. */
export async function engineGroup(_stage: Stage): Promise<void> {}
