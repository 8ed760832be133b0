import {goalOf, goalsText, markOf, type Row, valueText} from '../rows.ts';

/**
 * The figures that have goals, as bars from the line of the goal: to the right as many times better, to the left as many times
 * worse, on a logarithmic scale. What is met is told by side, sign and pattern, too, not by colour alone. Light or dark as the page.
 */
export function picture(rows: readonly Row[]): string {
  const judged = rows.filter(row => goalOf(row) !== undefined);
  const machine = rows.find(({name}) => name === 'measured on');
  const scale = new Scale(judged.map(timesBetter));
  const height = top + judged.length * lineHeight + bottom;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">Fustor's figures and their goals: ${escaped(goalsText(rows))}</title>
<desc id="description">${escaped(judged.map(sentence).join(' '))}</desc>
<style>${style}</style>
<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="missed" width="6" height="6"/><rect class="gaps" width="2" height="6"/></pattern></defs>
<rect class="page" width="${width}" height="${height}" rx="8"/>
<text class="heading" x="${margin}" y="32">${escaped(goalsText(rows))}</text>
<text class="quiet" x="${margin}" y="52">${escaped(machine ? `${valueText(machine)} · ${machine.against}` : '')}</text>
${scale.ticks.map(tick => axis(scale, tick, height)).join('\n')}
${judged.map((row, index) => line(row, scale, top + index * lineHeight)).join('\n')}
<text class="quiet" x="${scale.x(1) + 8}" y="${height - 16}">better than the goal →</text>
<text class="quiet end" x="${scale.x(1) - 8}" y="${height - 16}">← worse</text>
</svg>
`;
}

const width = 1200;
const margin = 24;
const [chartLeft, chartRight] = [490, 860];
const [top, bottom, lineHeight, barHeight] = [92, 44, 26, 14];
const nameLengthMax = 60;

/** 2: half of what may be, or twice what should be. 0.5: the goal is missed by a factor of two. */
function timesBetter(row: Row): number {
  const goal = goalOf(row)!;
  if ('atMost' in goal && goal.atMost === 0) return row.met ? 1 : 0; // nothing is as good as nothing, and no times worse
  return 'atMost' in goal ? goal.atMost / row.value : row.value / goal.atLeast;
}

/** Logarithmic, with the goal, 1, on it. Powers of ten in sight, four of them on the better side at most. */
class Scale {
  readonly ticks: number[];
  readonly #from: number;
  readonly #to: number;

  constructor(values: readonly number[]) {
    const exponents = values.filter(value => value > 0 && Number.isFinite(value)).map(value => Math.log10(value));
    this.#from = Math.max(-2, Math.min(-0.5, ...exponents.map(exponent => exponent * 1.1)));
    this.#to = Math.min(4, Math.max(1, ...exponents.map(exponent => exponent * 1.05)));
    this.ticks = [-2, -1, 0, 1, 2, 3, 4].filter(at => at >= this.#from && at <= this.#to).map(at => 10 ** at);
  }

  /** What is beyond the ends is at the end. */
  x(value: number): number {
    const exponent = Math.min(this.#to, Math.max(this.#from, Math.log10(value)));
    const part = (exponent - this.#from) / (this.#to - this.#from);
    return Math.round((chartLeft + part * (chartRight - chartLeft)) * 10) / 10;
  }
}

function axis(scale: Scale, tick: number, height: number): string {
  const x = scale.x(tick);
  const label = tick === 1 ? 'goal' : `${tick.toLocaleString('en')}×`;
  return `<line class="${tick === 1 ? 'goal' : 'grid'}" x1="${x}" x2="${x}" y1="${top - 10}" y2="${height - bottom + 4}"/><text class="quiet middle" x="${x}" y="${top - 16}">${label}</text>`;
}

function line(row: Row, scale: Scale, y: number): string {
  const [from, to] = [scale.x(1), scale.x(timesBetter(row))].sort((a, b) => a - b) as [number, number];
  const baseline = y + 14;
  const kind = row.met ? 'met' : 'missed';
  const fill = row.met ? '' : ' fill="url(#hatch)"';
  const name = row.name.length > nameLengthMax ? `${row.name.slice(0, nameLengthMax - 1)}…` : row.name;
  return [
    `<g><title>${escaped(sentence(row))}</title>`,
    `<text class="${kind} mark" x="${margin}" y="${baseline}">${markOf(row)}</text>`,
    `<text x="${margin + 20}" y="${baseline}">${escaped(name)}</text>`,
    `<rect class="${row.met ? 'met' : 'outline'}"${fill} x="${from}" y="${y + 3}" width="${Math.max(2, to - from)}" height="${barHeight}" rx="2"/>`,
    `<text x="${chartRight + 16}" y="${baseline}"><tspan class="value">${escaped(valueText(row))}</tspan><tspan class="quiet" dx="8">${escaped(row.goal)}</tspan></text></g>`,
  ].join('');
}

function sentence(row: Row): string {
  return `${row.name}: ${valueText(row)}, goal ${row.goal}, ${row.met ? 'met' : 'missed'}.`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

/** Blue and orange: the pair that everybody can tell apart. */
const style = `
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;fill:#1f2328}
.heading{font-size:18px;font-weight:600}.value{font-weight:600}.quiet{fill:#59636e;font-size:12px}.middle{text-anchor:middle}.end{text-anchor:end}
.page{fill:#fff}.grid{stroke:#d1d9e0}.goal{stroke:#1f2328;stroke-width:1.5}
rect.met,text.met{fill:#0969da}rect.missed,text.missed{fill:#bc4c00}.outline{stroke:#bc4c00}.gaps{fill:#fff;opacity:.45}.mark{font-weight:700}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.quiet{fill:#9198a1}.page{fill:#0d1117}.grid{stroke:#30363d}.goal{stroke:#f0f6fc}
rect.met,text.met{fill:#4493f8}rect.missed,text.missed{fill:#f0883e}.outline{stroke:#f0883e}.gaps{fill:#0d1117}}
`;
