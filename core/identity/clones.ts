import type {NodeKind} from '../control/protocol.ts';

/** One sign of life of a node. Times are the controller's. */
export type Sighting = {
  kind: NodeKind;
  id: string;
  instance: string;
  host: string;
  machineId: string | undefined;
  at: number;
};

/** Where one of two was heard. */
export type Place = {host: string; machineId: string | undefined; instance: string};

/** An identity that two have at the same time. */
export type Clone = {kind: NodeKind; id: string; places: [Place, Place]; since: number; seenAt: number};

type Known = {
  /** The last that spoke first. */
  voices: Sighting[];
  returns: number;
  since: number;
  seenAt: number;
};

/** Who has been silent for so long is gone. */
const memoryMs = 300_000;
/** What was on its way when a node started again may come late: one return, and the new one's after it. */
const returnsMin = 3;
const voicesMax = 4;

/**
 * Finds identities that two hosts have at the same time. A node that starts again, also on another host, has a new instance,
 * and its old one is not heard any more; of a clone both instances are heard again and again.
 */
export class ClonedIdentities {
  readonly #known = new Map<string, Known>();

  hear(sighting: Sighting): void {
    const {kind, id, instance, at} = sighting;
    const name = `${kind}/${id}`;
    const known = this.#known.get(name) ?? {voices: [], returns: 0, since: at, seenAt: at};
    const lately = known.voices.filter(voice => at - voice.at < memoryMs);
    const isReturn = lately.slice(1).some(voice => voice.instance === instance);
    const isOver = at - known.seenAt >= memoryMs;
    this.#known.set(name, {
      voices: [sighting, ...lately.filter(voice => voice.instance !== instance)].slice(0, voicesMax),
      returns: (isOver ? 0 : known.returns) + (isReturn ? 1 : 0),
      since: isReturn && (isOver || known.returns === 0) ? at : known.since,
      seenAt: isReturn ? at : known.seenAt,
    });
  }

  /** In the order of their kinds and names. */
  clones(now: number): Clone[] {
    return [...this.#known]
      .filter(([, {returns, seenAt}]) => returns >= returnsMin && now - seenAt < memoryMs)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, {voices, since, seenAt}]) => ({
        kind: voices[0]!.kind,
        id: voices[0]!.id,
        places: twoOf(voices),
        since,
        seenAt,
      }));
  }
}

/** In an order that does not change when they speak in turns. */
function twoOf(voices: readonly Sighting[]): [Place, Place] {
  const [a, b] = voices
    .slice(0, 2)
    .sort((a, b) => (a.host + a.instance < b.host + b.instance ? -1 : 1))
    .map(({host, machineId, instance}) => ({host, machineId, instance}));
  return [a!, b!];
}
