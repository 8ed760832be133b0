import type {ExactNumber, JsonObject} from './exact-json.ts';

/** The parts of the answers of a fusion that this program understands. All others are passed on as they come. */

export type TreeNode = JsonObject & {
  name?: string;
  /** The bytes of a name that is not valid UTF-8, in base64url; `name` is then only good for display. */
  name_b64?: string;
  /** Only at the root of an answer. */
  path?: string;
  path_b64?: string;
  content_type?: string;
  size?: number;
  /** Seconds since 1970 with up to nine decimals. */
  modified_time?: number | ExactNumber;
  integrity_suspect?: boolean;
  /** Only where the answer goes into the directory. */
  children?: TreeNode[];
  /** The node was on an earlier page and only leads to others here. */
  continued?: boolean;
};

export type Meta = JsonObject & {
  view?: string;
  /** Whether everything below the path has been listed at least once. */
  complete?: boolean;
  /** `empty`, `snapshot`, `live`, `stale` or `unreadable`. */
  sync?: string;
  /** With `unreadable`: why. */
  problem?: string;
  next_cursor?: string | null;
  /** With `sync=true`: whether the answer has everything, and if not, why. */
  sync_point?: JsonObject & {is_reached: boolean; message?: string};
};

export type TreeAnswer = {data: TreeNode; meta: Meta};

/** The error that a fusion answers, `{"error": {…}}`; for a path that is not known with `meta` beside it. */
export type ErrorAnswer = JsonObject & {
  error: JsonObject & {code: string; message: string; hint?: string};
  meta?: Meta;
};
