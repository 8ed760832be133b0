import type {Acknowledgement, ConfigReport, ReportedPart, ShellReport} from './protocol.ts';

/**
 * What the controller knows, as its store keeps it. A message is one transaction, and is answered when that is durable.
 * All times are wall time of the controller in milliseconds since 1970.
 */

export type StoredAgent = {
  id: string;
  instance: string;
  sequence: number;
  shell: ShellReport;
  config: ConfigReport;
  parts: ReportedPart[];
  seenAt: number;
  /** Since when it has been heard without a silence longer than its timeout. */
  onlineSince: number;
  /** A silence this long means that it is away. */
  timeoutMs: number;
  /** Name of the key that it came with. */
  key: string;
};

export type CommandState = 'queued' | 'sent' | Acknowledgement['outcome'];

/** `queued` until it is told to a shell, `sent` until the end is known. */
export type StoredCommand = {
  agent: string;
  /** Unique for the agent. */
  id: string;
  /** Grows with each command that is ordered. */
  number: number;
  part: string;
  command: 'restart' | 'kill';
  state: CommandState;
  /** Name of the key that ordered it. */
  orderedBy: string;
  orderedAt: number;
  deadlineAt: number;
  /** The instance of the shell that it was told to; no other one may execute it. */
  sentTo: string | undefined;
  /** 0 means not yet. */
  sentAt: number;
  endedAt: number;
  message: string | undefined;
};

export interface ControlRead {
  agent(id: string): StoredAgent | undefined;
  /** In the order of their names. */
  agents(): StoredAgent[];
  command(agent: string, id: string): StoredCommand | undefined;
  /** Those of one agent, or of all, that are queued or sent, oldest first. */
  openCommands(agent?: string): StoredCommand[];
}

export interface ControlWrite extends ControlRead {
  putAgent(agent: StoredAgent): void;
  /** Of commands that have ended only the last `endedCommandsMax` are kept. */
  putCommand(command: StoredCommand): void;
  /** For a new command. */
  nextNumber(): number;
}

export const endedCommandsMax = 1_000;

/** A body is one turn long: what it returns is no promise. */
type Sync<T> = T extends PromiseLike<unknown> ? never : T;

export interface ControlStore {
  read<T>(body: (txn: ControlRead) => T): T;
  /**
   * Runs the body as one transaction; resolves when its effects are durable. A body that throws leaves nothing behind.
   * Rejects with STORE_FULL when there is no room.
   */
  write<T>(body: (txn: ControlWrite) => Sync<T>): Promise<T>;
  close(): Promise<void>;
}

export function isOpen({state}: Pick<StoredCommand, 'state'>): boolean {
  return state === 'queued' || state === 'sent';
}
