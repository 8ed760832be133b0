import type {Meta} from '../api.ts';
import type {JsonObject} from '../exact-json.ts';

/** Joins the pages of a list to one document `{"data": […], "meta": {…}}`, page by page; `meta` is that of the last. */
export class JsonList {
  #isEmpty = true;
  #hasBegun = false;
  #meta: Meta = {};

  page(rows: readonly JsonObject[], meta: Meta): string {
    this.#meta = meta;
    const begin = this.#hasBegun ? '' : '{"data":[';
    this.#hasBegun = true;
    const comma = this.#isEmpty || rows.length === 0 ? '' : ',';
    this.#isEmpty &&= rows.length === 0;
    return begin + comma + rows.map(row => JSON.stringify(row)).join(',');
  }

  end(): string {
    return `],"meta":${JSON.stringify(this.#meta)}}\n`;
  }
}
