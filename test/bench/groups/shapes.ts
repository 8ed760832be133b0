import {deepPath} from '../shapes/deep-path.ts';
import {hugeDirectory} from '../shapes/huge-directory.ts';
import {manyDirectories} from '../shapes/many-directories.ts';
import type {Stage} from '../stage.ts';

/** Trees of unusual shapes. */
export async function shapesGroup(stage: Stage): Promise<void> {
  await hugeDirectory(stage);
  await deepPath(stage);
  await manyDirectories(stage);
}
