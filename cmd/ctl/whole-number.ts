import {InvalidArgumentError} from 'commander';

/** Reads the value of a flag. */
export function wholeNumberFrom(min: number): (text: string) => number {
  return text => {
    if (/^\d{1,9}$/.test(text) && Number(text) >= min) return Number(text);
    throw new InvalidArgumentError(`A whole number from ${min} is wanted.`);
  };
}
