import {rmSync} from 'node:fs';
import {join} from 'node:path';
import {
  type ControlStore,
  type ControlWrite,
  endedCommandsMax,
  isOpen,
  type RecordRange,
  type RecordTable,
  type StoredAgent,
  type StoredCommand,
} from '../core/control/control-store.ts';
import {FustorError} from '../core/errors/fustor-error.ts';
import {getNumber, openTables, putNumber, rowsOf, type Table} from './databases.ts';
import {Environment, type Writing} from './environment.ts';
import {fileKind} from './file-header.ts';
import {tryLock} from './file-lock.ts';
import {prepareLocalDirectory} from './local-disk.ts';
import {cutOff, notOurs, unreadableFormat} from './migrations/migrate.ts';
import {proveRoom} from './room.ts';
import {storeError} from './store-error.ts';
import {stateCodec} from './tree-read.ts';
import {WrittenStore} from './written-store.ts';

const fileName = 'control.mdb';
const currentFormat = 1;

/**
 * - `agents`: name → CBOR
 * - `open`, `ended`: name of the agent, NUL, id → CBOR of a command. It is in one of them.
 * - `endedOrder`: number (u48, in the order in which they ended) → key in `ended`
 * - `records`: table, NUL, key → CBOR
 * - `meta`: name → f64: `format`, `nextCommand`, `nextEnded`
 */
const tableNames = ['agents', 'open', 'ended', 'endedOrder', 'records', 'meta'] as const;
type ControlEnvironment = Environment<Tables, LmdbControl>;
type Tables = NonNullable<ReturnType<typeof openTables<(typeof tableNames)[number]>>>;

/** A copy by `backup` is the same store as `control.mdb` of another directory. */
export type CopiedStore = ControlStore & Pick<WrittenStore<Tables, LmdbControl, LmdbControl>, 'backup'>;

/**
 * Opens the controller's own environment, and makes it when it is missing. Throws DATA_DIR_UNUSABLE (no access, a network file
 * system, another process has it) or STORE_FORMAT; nothing was changed then.
 */
export async function openControlStore(directory: string): Promise<CopiedStore> {
  prepareLocalDirectory(directory);
  const lock = tryLock(join(directory, 'writer.lock'));
  if (!lock) {
    throw new FustorError('DATA_DIR_UNUSABLE', `Another controller runs on the data directory ${directory}.`, {
      hint: 'Stop it, or give this one another "data".',
    });
  }
  try {
    const path = join(directory, fileName);
    const kind = fileKind(path);
    if (kind === 'foreign') throw notOurs(path);
    if (kind === 'cut') throw cutOff(path);
    // What is left of one whose making was cut off.
    if (kind === 'new') {
      rmSync(path, {force: true});
      proveRoom(path);
    }
    const environment: ControlEnvironment = new Environment(path, {
      open: () => openTables(path, tableNames, {readOnly: false})!,
      writingTo: tables => new LmdbControl(tables),
    });
    try {
      checkFormat(environment.db, path);
      return new WrittenStore(environment, tables => new LmdbControl(tables), {
        directory,
        release: () => lock.release(),
      });
    } catch (error) {
      await environment.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw storeError(error, directory) ?? error;
  }
}

function checkFormat(tables: Tables, path: string): void {
  const found = getNumber(tables, 'format');
  if (found === currentFormat) return;
  if (found !== undefined) throw unreadableFormat(path, found, currentFormat);
  tables.root.transactionSync(() => putNumber(tables, 'format', currentFormat));
}

class LmdbControl implements ControlWrite, Writing {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  agent(id: string): StoredAgent | undefined {
    return this.#get(this.#tables.agents, Buffer.from(id));
  }

  agents(): StoredAgent[] {
    return Array.from(rowsOf(this.#tables.agents, {}), ({value}) => stateCodec.decode(value) as StoredAgent);
  }

  command(agent: string, id: string): StoredCommand | undefined {
    const key = commandKey(agent, id);
    return this.#get(this.#tables.open, key) ?? this.#get(this.#tables.ended, key);
  }

  openCommands(agent?: string): StoredCommand[] {
    const range = agent === undefined ? {} : {start: Buffer.from(`${agent}\0`), end: Buffer.from(`${agent}\x01`)};
    const found = Array.from(rowsOf(this.#tables.open, range), ({value}) => stateCodec.decode(value) as StoredCommand);
    return found.sort((a, b) => a.number - b.number);
  }

  putAgent(agent: StoredAgent): void {
    void this.#tables.agents.put(Buffer.from(agent.id), encode(agent));
  }

  putCommand(command: StoredCommand): void {
    const {open, ended, endedOrder} = this.#tables;
    const key = commandKey(command.agent, command.id);
    if (isOpen(command)) {
      void open.put(key, encode(command));
      return;
    }
    const isFirstEnd = ended.get(key) === undefined;
    void open.remove(key);
    void ended.put(key, encode(command));
    if (!isFirstEnd) return;
    const number = this.#next('nextEnded');
    void endedOrder.put(orderKey(number), key);
    const surplus = orderKey(number - endedCommandsMax);
    const oldest = number < endedCommandsMax ? undefined : endedOrder.get(surplus);
    if (!oldest) return;
    void ended.remove(oldest);
    void endedOrder.remove(surplus);
  }

  nextNumber(): number {
    return this.#next('nextCommand');
  }

  record<T>(table: RecordTable, key: string): T | undefined {
    return this.#get(this.#tables.records, recordKey(table, key));
  }

  records<T>(
    table: RecordTable,
    {after, limit = Infinity, isBackwards = false}: RecordRange = {},
  ): {key: string; value: T}[] {
    const prefix = table.length + 1;
    // A name of a table is no prefix of another one's key: it ends with a NUL.
    const [first, behind] = [Buffer.from(`${table}\0`), Buffer.from(`${table}\x01`)];
    const from = after === undefined ? undefined : recordKey(table, after);
    const range = isBackwards
      ? {start: from ?? behind, end: first, reverse: true, exclusiveStart: from !== undefined}
      : {start: from ?? first, end: behind, exclusiveStart: from !== undefined};
    return Iterator.from(rowsOf(this.#tables.records, range))
      .take(limit)
      .map(({key, value}) => ({key: key.toString('utf8', prefix), value: stateCodec.decode(value) as T}))
      .toArray();
  }

  putRecord(table: RecordTable, key: string, value: object): void {
    void this.#tables.records.put(recordKey(table, key), encode(value));
  }

  removeRecord(table: RecordTable, key: string): void {
    void this.#tables.records.remove(recordKey(table, key));
  }

  /** Nothing is kept in memory. */
  flush(): void {}

  /** Nothing is kept in memory; an environment that has given up says so. */
  forget(): void {
    getNumber(this.#tables, 'format');
  }

  #next(counter: string): number {
    const next = getNumber(this.#tables, counter) ?? 0;
    putNumber(this.#tables, counter, next + 1);
    return next;
  }

  #get<T>(table: Table, key: Buffer): T | undefined {
    const value = table.get(key);
    return value && (stateCodec.decode(value) as T);
  }
}

/** No name has a NUL. */
function commandKey(agent: string, id: string): Buffer {
  return Buffer.from(`${agent}\0${id}`);
}

function recordKey(table: RecordTable, key: string): Buffer {
  return Buffer.from(`${table}\0${key}`);
}

function orderKey(number: number): Buffer {
  const key = Buffer.alloc(6);
  key.writeUIntBE(Math.max(0, number), 0, 6);
  return key;
}

/** A copy: the encoder's bytes are used again for the next value. */
function encode(value: object): Buffer {
  return Buffer.from(stateCodec.encode(value));
}
