import type {Group} from '../stage.ts';
import {engineGroup} from './engine.ts';
import {largeGroup} from './large.ts';
import {queryGroup} from './query.ts';
import {scanGroup} from './scan.ts';
import {searchGroup} from './search.ts';
import {shapesGroup} from './shapes.ts';
import {visibleGroup} from './visible.ts';
import {watchGroup} from './watch.ts';

/** In the order in which they run: `scan` first, because what it brings up is what the others ask. */
export const groups: Record<string, Group> = {
  scan: scanGroup,
  engine: engineGroup,
  watch: watchGroup,
  visible: visibleGroup,
  query: queryGroup,
  search: searchGroup,
  shapes: shapesGroup,
  large: largeGroup,
};
