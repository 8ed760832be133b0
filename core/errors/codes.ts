/**
 * Every error that a user, a script or another part of Fustor may meet.
 *
 * `status` is the HTTP status, `exit` the exit code of a program that ends because of it, `retry` whether the same
 * request may succeed later without anybody changing anything. The comment of a code is its page in the operator's manual.
 */
export const errorCodes = {
  /** The command line is wrong: an unknown flag, a missing argument. `--help` shows what is accepted. */
  USAGE: {status: 400, exit: 2, retry: false},
  /** The configuration file cannot be read or does not validate. The message names file, line and column. */
  CONFIG_INVALID: {status: 400, exit: 10, retry: false},
  /** The listening address cannot be bound: taken by another process, or not an address of this host. */
  LISTEN_FAILED: {status: 500, exit: 11, retry: true},
  /** The data directory cannot be used: not writable, on a network file system, or held by another process. */
  DATA_DIR_UNUSABLE: {status: 500, exit: 12, retry: false},
  /** The store was written by a newer Fustor, or is not a Fustor store. Nothing was changed. */
  STORE_FORMAT: {status: 500, exit: 13, retry: false},
  /** The controller's key file is missing, readable by others, or not the one of this store. Nothing was changed. */
  SECRETS_UNREADABLE: {status: 500, exit: 19, retry: false},
  /** The disk under the store is full; nothing was half-written. Free space; the engine resumes by itself. */
  STORE_FULL: {status: 507, exit: 30, retry: true},
  /** The disk under the store, or what is on it, fails. Queries go on as far as they can; the engine tries again. */
  STORE_FAILED: {status: 503, exit: 31, retry: true},
  /** The source path does not exist, is not a directory, or may not be read by this user. */
  SOURCE_UNUSABLE: {status: 500, exit: 14, retry: true},
  /** The executable's self-check found a part that does not work on this machine. */
  SELF_CHECK_FAILED: {status: 500, exit: 15, retry: false},
  /** What was copied in place of a running program does not run on this machine. The running one goes on. */
  REPLACEMENT_UNUSABLE: {status: 500, exit: 16, retry: false},
  /** "install" did not write: other units are there, this user may not write, or the service's user lacks something. */
  UNITS_NOT_WRITTEN: {status: 500, exit: 17, retry: false},

  /** A parameter is unknown, malformed or out of range. The message names it and the nearest accepted one. */
  BAD_REQUEST: {status: 400, exit: 2, retry: false},
  /** No API key was sent, or one that this fusion does not know. */
  UNAUTHENTICATED: {status: 401, exit: 4, retry: false},
  /** The key is known but its role or its views do not allow this. */
  FORBIDDEN: {status: 403, exit: 4, retry: false},
  /** There is no such route. */
  ROUTE_NOT_FOUND: {status: 404, exit: 2, retry: false},
  /** There is no such view, or this key may not see it. */
  VIEW_NOT_FOUND: {status: 404, exit: 2, retry: false},
  /** The path is not in the tree. `meta.complete` tells "does not exist" (true) from "not seen yet" (false). */
  PATH_NOT_FOUND: {status: 404, exit: 1, retry: false},
  /** The log of changes does not reach back to where this request begins. Read the tree again and go on from its `seq`. */
  CHANGES_GONE: {status: 410, exit: 1, retry: false},
  /** There is no such job: only the last hundred that have ended are kept. */
  JOB_NOT_FOUND: {status: 404, exit: 1, retry: false},
  /** A hundred scans of this view wait already. Ask again when some of them have been made. */
  TOO_MANY_JOBS: {status: 429, exit: 1, retry: true},
  /** A `require=` of the request is not met now, for example `require=complete` during the first snapshot. */
  REQUIREMENT_UNMET: {status: 412, exit: 1, retry: true},

  /** The session is not known (any more): it ended, timed out or was replaced. The agent opens a new one. */
  SESSION_UNKNOWN: {status: 410, exit: 1, retry: false},
  /** A batch arrived before one with a lower number. `details.expected` is the number the engine waits for. */
  BATCH_OUT_OF_ORDER: {status: 409, exit: 1, retry: true},
  /** A batch cannot be decoded or breaks the protocol. It was kept aside for inspection and the stream goes on. */
  BATCH_REJECTED: {status: 422, exit: 1, retry: false},
  /** The engine of this view is not running or not answering now. Queries go on; send this batch again later. */
  ENGINE_UNAVAILABLE: {status: 503, exit: 3, retry: true},
  /** The gateway holds as much as it may of what others have sent. Send this again later; queries go on. */
  OVERLOADED: {status: 429, exit: 3, retry: true},

  /** A command to a part could not be carried out; the message says why. */
  COMMAND_FAILED: {status: 409, exit: 1, retry: false},

  /** The controller knows no agent of this name: none has sent a heartbeat under it. */
  AGENT_NOT_FOUND: {status: 404, exit: 1, retry: false},
  /** The agent has no such pipe, as its last heartbeat says. */
  PIPE_NOT_FOUND: {status: 404, exit: 1, retry: false},
  /** There is no such command: only the last thousand that have ended are kept. */
  COMMAND_NOT_FOUND: {status: 404, exit: 1, retry: false},
  /** Another command of this agent has the id that was chosen for this one. */
  COMMAND_CONFLICT: {status: 409, exit: 5, retry: false},
  /** A hundred commands for this agent wait or run already. */
  TOO_MANY_COMMANDS: {status: 429, exit: 1, retry: true},
  /** There is no such revision, node, file or object in the desired state, or no such identity, key or credential. */
  NOT_FOUND: {status: 404, exit: 1, retry: false},
  /** What is to be changed is not what it was thought to be: somebody else was faster. `details` has the difference. */
  REVISION_CONFLICT: {status: 409, exit: 5, retry: false},
  /** The desired state comes from elsewhere (Git), or is pinned: it cannot be changed in this way. */
  NOT_THE_AUTHORITY: {status: 409, exit: 5, retry: false},
  /** The node's identity belongs to another key than the one that asks: another host has this id, or it was set up anew. */
  IDENTITY_CONFLICT: {status: 409, exit: 5, retry: false},
  /** Something of this name is there already. */
  ALREADY_EXISTS: {status: 409, exit: 5, retry: false},
  /** It is used: what uses it is to be changed first. */
  IN_USE: {status: 409, exit: 5, retry: false},
  /** What a node keeps of its own identity cannot be read. Nothing was changed; put it back, or enrol the node anew. */
  IDENTITY_UNREADABLE: {status: 500, exit: 20, retry: false},
  /** A manifest is not what a trusted controller has signed for this node. What runs goes on. */
  MANIFEST_REFUSED: {status: 422, exit: 18, retry: false},
  /** What a node noted of the configurations that it has applied is damaged. It begins anew with what is wanted. */
  RECORDS_DAMAGED: {status: 500, exit: 19, retry: false},
  /** Git cannot be reached, or what was found there is not used; the last good revision stays in force. */
  GIT_FAILED: {status: 502, exit: 3, retry: true},
  /** A condition that was waited for did not come in time. */
  WAIT_TIMED_OUT: {status: 504, exit: 6, retry: false},

  /** The controller that this fusion embeds is not running or not answering now. Data and queries go on without it. */
  CONTROLLER_UNAVAILABLE: {status: 503, exit: 3, retry: true},

  /** The server could not be reached at all. */
  UNREACHABLE: {status: 502, exit: 3, retry: true},
  /** The server did not answer in time. */
  TIMED_OUT: {status: 504, exit: 6, retry: true},
  /** A bug in Fustor: something that must not happen did. The log has the details. */
  INTERNAL: {status: 500, exit: 70, retry: false},
} as const;

export type ErrorCode = keyof typeof errorCodes;
