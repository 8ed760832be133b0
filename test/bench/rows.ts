/** One figure. `met` is null where no goal was set. */
export type Row = {name: string; value: number; unit: string; against: string; goal: string; met: boolean | null};

/** What a figure should be. Goals are of one run on one machine, so they are ratios wherever something else can be run beside. */
export type Goal = {atMost: number} | {atLeast: number};

/** The figures of a run, in the order in which they were taken; each is told as it comes. */
export class Rows {
  readonly all: Row[] = [];

  /** `against` says what the figure is beside: the other program's figure, how often it was measured, of what the median is. */
  add({name, value, unit, against = '', goal}: Figure): void {
    const row: Row = {
      ...{name, value: Number(value.toPrecision(3)), unit, against},
      goal: goal ? goalText(goal) : '',
      met: goal ? isMet(value, goal) : null,
    };
    this.all.push(row);
    const mark = row.met === null ? ' ' : row.met ? '✓' : '✗';
    console.log(
      `${mark} ${name}: ${row.value} ${unit}${row.goal && ` (goal ${row.goal})`}${against && `  — ${against}`}`,
    );
  }
}

type Figure = {name: string; value: number; unit: string; against?: string; goal?: Goal};

function goalText(goal: Goal): string {
  return 'atMost' in goal ? `≤ ${goal.atMost.toLocaleString('en')}` : `≥ ${goal.atLeast.toLocaleString('en')}`;
}

function isMet(value: number, goal: Goal): boolean {
  return 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast;
}
