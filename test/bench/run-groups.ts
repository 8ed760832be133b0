import {rmSync} from 'node:fs';
import {say} from './elapsed.ts';
import {groups} from './groups/all.ts';
import {killMarked, markVariable} from './leftovers.ts';
import {markOf, type Row, Rows, valueText} from './rows.ts';
import {unmountBelow} from './scratch-disk.ts';
import {isShort, Stage, type StageSettings} from './stage.ts';

/** Runs groups and tells the parent each row; exit code 1 when one failed, which is a row, too. */
const asked: {groups: string[]; settings: StageSettings} = JSON.parse(process.argv[2]!);

process.on('disconnect', tidyUp);
const tell = (row: Row) => {
  say(progressText(row));
  process.send!(row);
};
const rows = new Rows(tell, {areGoalsJudged: !isShort(asked.settings)});
const stage = new Stage(asked.settings, rows);
for (const name of asked.groups) {
  say(`── ${name}`);
  const before = rows.all.length;
  try {
    await groups[name]!(stage);
    if (rows.all.length === before) throw new Error('It has no figures.');
  } catch (error) {
    process.exitCode = 1;
    console.error(error);
    const against = `failed: ${error instanceof Error ? error.message : String(error)}`;
    rows.add({name: `group ${name}`, value: 0, unit: 'of 1 finished', against, goal: {atLeast: 1}});
    await stage.endSite(); // in whatever state it is
  }
}
await stage.dispose();
process.off('disconnect', tidyUp); // it is told of one's own, too
process.disconnect!();

/** Who would have done so behind this process is gone. */
function tidyUp(): never {
  const folder = process.env[markVariable]!;
  killMarked(folder);
  unmountBelow(folder);
  rmSync(folder, {recursive: true, force: true});
  process.exit(1);
}

function progressText(row: Row): string {
  const {name, goal, against} = row;
  return `${markOf(row).padEnd(1)} ${name}: ${valueText(row)}${goal && ` (goal ${goal})`}${against && `  — ${against}`}`;
}
