import {
  type ControlStore,
  type ControlWrite,
  endedCommandsMax,
  isOpen,
  type RecordRange,
  type RecordTable,
  type StoredAgent,
  type StoredCommand,
} from '../../core/control/control-store.ts';

/** What a controller keeps, in memory. */
export function openMemoryControl(): ControlStore {
  let content = new MemoryControl();
  return {
    read: body => body(content),
    write: async body => {
      const next = structuredClone(content.tables);
      const value = body(new MemoryControl(next));
      content = new MemoryControl(next);
      return value;
    },
    close: async () => {},
  };
}

type MemoryTables = {
  agents: Map<string, StoredAgent>;
  commands: Map<string, StoredCommand>;
  next: number;
  records: Map<string, unknown>;
};

/** One transaction on it. */
export class MemoryControl implements ControlWrite {
  readonly tables: MemoryTables;

  constructor(tables: MemoryTables = {agents: new Map(), commands: new Map(), next: 0, records: new Map()}) {
    this.tables = tables;
  }

  agent(id: string): StoredAgent | undefined {
    return this.tables.agents.get(id);
  }

  agents(): StoredAgent[] {
    return [...this.tables.agents.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  command(agent: string, id: string): StoredCommand | undefined {
    return this.tables.commands.get(`${agent} ${id}`);
  }

  openCommands(agent?: string): StoredCommand[] {
    return [...this.tables.commands.values()]
      .filter(command => isOpen(command) && (agent === undefined || command.agent === agent))
      .sort((a, b) => a.number - b.number);
  }

  putAgent(agent: StoredAgent): void {
    this.tables.agents.set(agent.id, agent);
  }

  putCommand(command: StoredCommand): void {
    const {commands} = this.tables;
    const key = `${command.agent} ${command.id}`;
    const before = commands.get(key);
    // A map keeps the order in which its keys came: those that have ended stand in the order of their ends.
    if (!isOpen(command) && before && isOpen(before)) commands.delete(key);
    commands.set(key, command);
    const ended = [...commands].filter(([, one]) => !isOpen(one));
    for (const [surplus] of ended.slice(0, Math.max(0, ended.length - endedCommandsMax))) commands.delete(surplus);
  }

  nextNumber(): number {
    return this.tables.next++;
  }

  record<T>(table: RecordTable, key: string): T | undefined {
    return structuredClone(this.tables.records.get(`${table}\0${key}`)) as T | undefined;
  }

  records<T>(
    table: RecordTable,
    {after, limit = Infinity, isBackwards = false}: RecordRange = {},
  ): {key: string; value: T}[] {
    const sign = isBackwards ? -1 : 1;
    return [...this.tables.records]
      .filter(([name]) => name.startsWith(`${table}\0`))
      .map(([name, value]) => ({key: name.slice(table.length + 1), value: structuredClone(value) as T}))
      .sort((a, b) => sign * Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
      .filter(({key}) => after === undefined || sign * Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0)
      .slice(0, limit);
  }

  putRecord(table: RecordTable, key: string, value: object): void {
    this.tables.records.set(`${table}\0${key}`, structuredClone(value));
  }

  removeRecord(table: RecordTable, key: string): void {
    this.tables.records.delete(`${table}\0${key}`);
  }
}
