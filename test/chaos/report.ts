import type {Problem} from './prober/messages.ts';
import type {Phase, StageReport} from './stage.ts';
import type {UsageRow} from './usage.ts';

export type RunReport = {seed: number; options: object; stages: StageReport[]};

/** What a run found, for people. */
export function printReport({stages}: RunReport): void {
  const phases = stages.flatMap(stage => stage.phases);
  console.table(rowsByName(phases));
  console.table(stages.flatMap(stage => stage.usage).map(usageRow));
  for (const {prober, changes} of stages) {
    if (!prober) continue;
    const {overall, onNew, onKept, skipped} = prober;
    console.log(
      `${onNew + onKept} requests, ${onNew} of them on new connections, ${skipped} left out; p50 ${overall.p50} ms, p99 ${overall.p99} ms, max ${overall.max} ms; ${changes} changes`,
    );
  }
  const wrong = wrongOf(stages);
  console.log(
    wrong
      .slice(0, 50)
      .map(text => `✗ ${text}`)
      .join('\n'),
  );
  if (wrong.length > 50) console.log(`… and ${wrong.length - 50} more`);
}

/** One sentence for each thing that must not be. */
export function wrongOf(stages: readonly StageReport[]): string[] {
  return stages.flatMap(({phases, usage}) => [
    ...phases.flatMap(({stage, name, wrong}, index) => wrong.map(text => `${stage} ${index} ${name}: ${text}`)),
    ...usage.flatMap(growthOf),
  ]);
}

/** As many checks as there were phases, and kinds of processes that were there long enough to be measured. */
export function countsOf(stages: readonly StageReport[]): {passed: number; failed: number} {
  const results = stages.flatMap(({phases, usage}) => [
    ...phases.map(({wrong}) => wrong.length === 0),
    ...usage.filter(({memory}) => memory.samples > 0).map(row => growthOf(row).length === 0),
  ]);
  const passed = results.filter(isGood => isGood).length;
  return {passed, failed: results.length - passed};
}

function rowsByName(phases: readonly Phase[]): Record<string, Record<string, unknown>> {
  const rows: Record<string, Record<string, unknown>> = {};
  for (const name of [...new Set(phases.map(phase => phase.name))]) {
    const of = phases.filter(phase => phase.name === name);
    const problems = of.flatMap(phase => phase.problems);
    const recoveries = of.flatMap(({recoveryMs}) => recoveryMs ?? []);
    rows[name] = {
      times: of.length,
      requests: sum(of.map(({report}) => report?.asked ?? 0)),
      bad: count(problems, 'answer') + count(problems, 'timeout'),
      refused: count(problems, 'refused'),
      resets: count(problems, 'reset'),
      'retried ok': problems.filter(({retry}) => retry.isOk).length,
      'p99 ms': Math.max(0, ...of.map(({report}) => report?.latencies.p99 ?? 0)),
      'recovery s': recoveries.length === 0 ? '' : seconds(recoveries),
      wrong: sum(of.map(({wrong}) => wrong.length)),
    };
  }
  return rows;
}

function usageRow({stage, kind, memory, descriptors}: UsageRow): Record<string, unknown> {
  const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
  return {
    stage,
    kind,
    samples: memory.samples,
    'mean MiB': mib(memory.mean),
    'growth MiB': mib(memory.growth),
    'MiB/h': mib(memory.perHour),
    'limit MiB': mib(memory.limit),
    descriptors: Math.round(descriptors.mean),
    growth: Math.round(descriptors.growth),
    limit: Math.round(descriptors.limit),
  };
}

function growthOf({stage, kind, memory, descriptors}: UsageRow): string[] {
  const said = [];
  if (!memory.isFlat) said.push(`memory of ${kind} in ${stage} grew by ${Math.round(memory.growth / 2 ** 20)} MiB`);
  if (!descriptors.isFlat) said.push(`descriptors of ${kind} in ${stage} grew by ${Math.round(descriptors.growth)}`);
  return said;
}

function count(problems: readonly Problem[], kind: Problem['kind']): number {
  return problems.filter(problem => problem.kind === kind).length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The middle one and the longest. */
function seconds(ms: number[]): string {
  const sorted = ms.toSorted((a, b) => a - b);
  const [middle, longest] = [sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!];
  return `${(middle / 1_000).toFixed(1)} – ${(longest / 1_000).toFixed(1)}`;
}
