import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {TreeReader} from '../../../core/tree/tree-store.ts';
import {type Key, opens} from '../../http/keys.ts';

export type View = {name: string; reader: TreeReader; engineSocket: string};

export class Views {
  readonly #views: ReadonlyMap<string, View>;

  constructor(views: readonly View[]) {
    this.#views = new Map(views.map(view => [view.name, view]));
  }

  all(): View[] {
    return [...this.#views.values()];
  }

  visibleTo(key: Key): View[] {
    return this.all().filter(({name}) => opens(key, name));
  }

  /** Throws VIEW_NOT_FOUND, also for a view that the key may not see: its name is nobody else's business. */
  find(key: Key, name: string): View {
    const view = opens(key, name) ? this.#views.get(name) : undefined;
    if (view) return view;
    throw new FustorError('VIEW_NOT_FOUND', `There is no view "${name}" for this key.`, {hint: this.#hint(key)});
  }

  /** The view of a request that names none. Throws BAD_REQUEST unless the key sees exactly one. */
  only(key: Key): View {
    const visible = this.visibleTo(key);
    if (visible.length === 1) return visible[0]!;
    throw new FustorError('BAD_REQUEST', `This key sees ${visible.length} views, so the request must name one.`, {
      hint: this.#hint(key),
    });
  }

  #hint(key: Key): string {
    const names = this.visibleTo(key).map(({name}) => name);
    return names.length === 0
      ? 'This key sees no view.'
      : `Views of this key: ${names.join(', ')}; ask /api/v1/views/{view}/….`;
  }
}
