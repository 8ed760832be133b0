import {Prng} from '../lib/prng.ts';

/** One fault at its place in the list: what is random in it comes from its own seed, so that it can be replayed alone. */
export type Planned = {fault: string; seed: number; delayMs: number};

const delayMsMax = 1_500;

/** Faults for ever, each as often as its weight says, alike when none has any: the same for the same seed. */
export function* weighted(faults: readonly {name: string; weight: number}[], seed: number): Generator<Planned> {
  const random = new Prng(seed);
  const often = faults.flatMap(({name, weight}) => Array.from({length: weight}, () => name));
  const names = often.length > 0 ? often : faults.map(({name}) => name);
  while (names.length > 0) {
    yield planned(random.pick(names)!, random);
  }
}

/** Every fault so many times, in an order that the seed says. */
export function* each(faults: readonly {name: string}[], times: number, seed: number): Generator<Planned> {
  const random = new Prng(seed);
  const left = faults.flatMap(({name}) => Array.from({length: times}, () => name));
  while (left.length > 0) yield planned(left.splice(random.below(left.length), 1)[0]!, random);
}

function planned(fault: string, random: Prng): Planned {
  return {fault, seed: random.below(2 ** 31), delayMs: random.below(delayMsMax)};
}
