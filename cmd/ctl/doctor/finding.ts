import type {HostFacts} from './host-facts.ts';
import type {Place} from './place.ts';

/** Something that is wrong. */
export type Finding = {
  /** What it is about: a path, an address, a process. */
  subject: string;
  /** One sentence. */
  problem: string;
  /** What to do about it, in one line. */
  remedy: string;
  /** Worth knowing, and perhaps meant: nothing fails by it now. */
  isNotice?: boolean;
};

/** Looks for one kind of trouble. It changes nothing, needs no server, and never waits for a storage itself. */
export type Check = {
  name: string;
  find(place: Place, facts: HostFacts): Finding[] | Promise<Finding[]>;
};
