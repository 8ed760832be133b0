/** One figure. `met` is null where no goal was set. */
export type Row = {name: string; value: number; unit: string; against: string; goal: string; met: boolean | null};

/** What a figure should be. Goals are of one run on one machine, so they are ratios wherever something else can be run beside. */
export type Goal = {atMost: number} | {atLeast: number};

type Figure = {name: string; value: number; unit: string; against?: string; goal?: Goal};

/** The figures of a run, in the order in which they were taken; each is told as it comes. */
export class Rows {
  readonly all: Row[] = [];
  readonly #tell: (row: Row) => void;
  readonly #areGoalsJudged: boolean;

  constructor(tell: (row: Row) => void, {areGoalsJudged = true} = {}) {
    this.#tell = tell;
    this.#areGoalsJudged = areGoalsJudged;
  }

  /** `against` says what the figure is beside: the other program's figure, how often it was measured, of what the median is. */
  add({name, value, unit, against = '', goal: wanted}: Figure): void {
    const goal = this.#areGoalsJudged ? wanted : undefined;
    const row: Row = {
      ...{name, value: Number(value.toPrecision(3)), unit, against},
      goal: goal ? goalText(goal) : '',
      met: goal ? isMet(value, goal) : null,
    };
    this.all.push(row);
    this.#tell(row);
  }
}

/** What a row's goal text says; undefined where there is none. */
export function goalOf({goal}: Row): Goal | undefined {
  const [, sign, number = ''] = /^([≤≥]) ([\d.,]+)$/.exec(goal) ?? [];
  if (sign === undefined) return undefined;
  const limit = Number(number.replaceAll(',', ''));
  return sign === '≤' ? {atMost: limit} : {atLeast: limit};
}

export function goalsText(rows: readonly Row[]): string {
  const judged = rows.filter(({met}) => met !== null);
  if (judged.length === 0) return 'no goal was judged';
  const missed = judged.filter(({met}) => !met);
  return `${judged.length - missed.length} of ${judged.length} goals met${missed.length > 0 ? `, ${missed.length} missed` : ''}`;
}

/** The figure with its unit, as people write it. */
export function valueText({value, unit}: Row): string {
  return `${numberText(value)}${unit && ` ${unit}`}`;
}

/** ✓, ✗ or nothing: not by colour alone. */
export function markOf({met}: Row): string {
  return met === null ? '' : met ? '✓' : '✗';
}

function goalText(goal: Goal): string {
  return 'atMost' in goal ? `≤ ${numberText(goal.atMost)}` : `≥ ${numberText(goal.atLeast)}`;
}

function numberText(value: number): string {
  return value.toLocaleString('en', {maximumSignificantDigits: 3});
}

function isMet(value: number, goal: Goal): boolean {
  return 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast;
}
