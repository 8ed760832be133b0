import {writeFileSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {engineGroup} from './groups/engine.ts';
import {largeGroup} from './groups/large.ts';
import {queryGroup} from './groups/query.ts';
import {scanGroup} from './groups/scan.ts';
import {searchGroup} from './groups/search.ts';
import {shapesGroup} from './groups/shapes.ts';
import {visibleGroup} from './groups/visible.ts';
import {watchGroup} from './groups/watch.ts';
import {type Group, Stage} from './stage.ts';

/**
 * `npm run bench`: the built executables beside what people use instead, in one run on one machine. `--files N` and `--large N`
 * for smaller trees, `--only GROUP[,GROUP]` for some of it, `--json FILE` for the rows.
 */
const groups: Record<string, Group> = {
  scan: scanGroup,
  engine: engineGroup,
  watch: watchGroup,
  visible: visibleGroup,
  query: queryGroup,
  search: searchGroup,
  shapes: shapesGroup,
  large: largeGroup,
};
const {values} = parseArgs({
  options: {
    files: {type: 'string', default: '1000000'},
    large: {type: 'string', default: '10000000'},
    only: {type: 'string'},
    json: {type: 'string'},
  },
});
const only = values.only?.split(',') ?? Object.keys(groups);
const stage = new Stage({files: Number(values.files), largeFiles: Number(values.large)});
try {
  for (const name of only) {
    const group = groups[name];
    if (!group) throw new Error(`There is no group ${name}; there are ${Object.keys(groups).join(', ')}.`);
    console.log(`── ${name}`);
    await group(stage);
  }
} finally {
  await stage.dispose();
  console.table(stage.rows.all);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({rows: stage.rows.all}, undefined, 2)}\n`);
}
