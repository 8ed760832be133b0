import {Agent} from 'node:http';
import {Prng} from '../../lib/prng.ts';
import {ask, timeoutMs} from './ask.ts';
import type {FromProber, ProberSettings, Problem, ToProber} from './messages.ts';
import {check, type Question, Questions} from './questions.ts';
import {Tally} from './tally.ts';

/**
 * The process that asks: at a fixed rate whatever the answers do, half on kept connections and half on new ones. It judges
 * each answer by itself and tells of every one that is not right, after one retry; what is excused, the runner knows.
 */
const settings = JSON.parse(process.argv[2] ?? '{}') as ProberSettings;
const {url, key, base, rate} = settings;
const random = new Prng(settings.seed);
const questions = new Questions(base, random);
/**
 * As good client libraries do, a kept connection is closed here before the server would: with a `timeout` Node's agent heeds
 * what the server says of it, without one it writes now and then into a connection that is just being closed.
 */
const agents = Array.from({length: 4}, () => new Agent({keepAlive: true, maxSockets: 16, timeout: 30_000}));
const tally = new Tally();
const pagesMax = 3;
/** On a machine that cannot keep up, more questions would only make all of them late; what is not asked is counted. */
const waitingMax = 250;

let phase = 0;
let isKnown = false;
let waiting = 0;
let timer: NodeJS.Timeout;

process.on('message', (message: ToProber) => {
  if (message.type === 'begin') begin();
  else if (message.type === 'phase') ({phase, isKnown} = message);
  else void finish();
});
process.once('disconnect', () => process.exit()); // the runner is gone
tell({type: 'ready'});

function begin(): void {
  const startedAt = performance.now();
  let due = 0;
  timer = setInterval(() => {
    const wanted = ((performance.now() - startedAt) * rate) / 1_000;
    for (; due < wanted; due++) {
      if (waiting < waitingMax) void inquire(questions.next(), startedAt + (due * 1_000) / rate);
      else tally.skipped++;
      if (due % rate === 0) tell({type: 'tick', asked: due, waiting});
    }
  }, 2);
}

async function inquire(question: Question, dueAt: number): Promise<void> {
  waiting++;
  let next: string | undefined;
  let from = dueAt;
  for (let page = 0; page === 0 || (next !== undefined && question.isPaged && page < pagesMax); page++) {
    const suffix: string = next === undefined ? '' : `&cursor=${encodeURIComponent(next)}`;
    next = await inquireOnce({...question, url: question.url + suffix}, from);
    from = performance.now();
  }
  waiting--;
}

/** The cursor of the next page, if there is one. */
async function inquireOnce(question: Question, dueAt: number): Promise<string | undefined> {
  const during = {phase, isKnown};
  const agent = random.below(2) === 0 ? false : random.pick(agents)!;
  tally.asked(during.phase, agent === false);
  const asked = await ask(url + question.url, {agent, key});
  const problem = problemOf(asked, question, during.isKnown);
  if ('kind' in problem) {
    const retry = await retried(question, during.isKnown);
    const {port} = asked;
    const at = Date.now();
    tell({
      type: 'problem',
      problem: {...problem, at, phase: during.phase, question: question.url, isNew: agent === false, port, retry},
    });
    return undefined;
  }
  tally.answered(during.phase, performance.now() - dueAt);
  return problem.next;
}

async function retried(question: Question, known: boolean): Promise<Problem['retry']> {
  const startedAt = performance.now();
  const outcome = problemOf(await ask(url + question.url, {agent: false, key}), question, known);
  const ms = Math.round(performance.now() - startedAt);
  return 'kind' in outcome ? {isOk: false, detail: outcome.detail} : {isOk: true, detail: `after ${ms} ms`};
}

function problemOf(
  asked: Awaited<ReturnType<typeof ask>>,
  question: Question,
  known: boolean,
): Pick<Problem, 'kind' | 'detail'> | {next: string | undefined} {
  if (!asked.isAnswered) return {kind: asked.kind, detail: asked.detail};
  const checked = check(asked.answer, question, known);
  return 'wrong' in checked ? {kind: 'answer', detail: checked.wrong} : checked;
}

/** What is under way is waited for: an answer that never came is one of the things to find. */
async function finish(): Promise<void> {
  clearInterval(timer);
  const deadline = performance.now() + 2 * timeoutMs + 1_000;
  while (waiting > 0 && performance.now() < deadline) await new Promise(resolve => setTimeout(resolve, 20));
  for (const agent of agents) agent.destroy();
  tell({type: 'report', report: tally.report()});
  process.disconnect?.(); // after what was told
}

function tell(message: FromProber): void {
  process.send?.(message);
}
