import type {Stage} from '../stage.ts';

/** Trees of unusual shapes, and many who watch. */
export async function shapesGroup(_stage: Stage): Promise<void> {}
