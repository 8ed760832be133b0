import {Decoder, Encoder} from 'cbor-x';
import {z} from 'zod';
import {type ByteString, fromBytes, toBytes} from '../entry/byte-string.ts';
import {type Attributes, type FileTime, type Kind, type KindName, kindNames, kinds} from '../entry/entry.ts';
import {runProblem} from '../entry/packed.ts';
import {isName, isPath, type Path} from '../entry/path.ts';
import {FustorError} from '../errors/fustor-error.ts';
import {type Batch, schemaName} from './batch.ts';
import {type FsEvent, messageSources} from './events.ts';

/**
 * Batches as CBOR (RFC 8949), maps with the keys below; names and paths are byte strings, times `[seconds, nanos]`.
 *
 *     {schema: "fs", session, number, heard: [hlc, at], events: [{kind, message_source, …}]}
 *
 * An agent writes records (tag 57343, explained inside each batch), so the keys of events that are alike travel once. A fusion reads
 * both, also one that is older than agents that write them.
 */
const options = {mapsAsObjects: true, tagUint8Array: false, variableMapSize: true};
const encoder = new Encoder({...options, useRecords: true}) as Encoder & {
  /** Documented, and not declared. */
  useBuffer(buffer: Uint8Array): void;
};
/** An encoder keeps the buffer that its largest batch needed; after a scan that would be megabytes for good. */
const encoderBytes = 64 * 1024;
const decoder = new Decoder({...options, useRecords: false});

const path = z.instanceof(Uint8Array).transform((bytes, context): Path => {
  const string = fromBytes(bytes);
  if (isPath(string)) return string;
  context.issues.push({code: 'custom', message: `not a path in normal form: ${JSON.stringify(string)}`, input: string});
  return z.NEVER;
});
const rangeEnd = z
  .instanceof(Uint8Array)
  .transform(fromBytes)
  .refine(isName, {error: 'not a name'})
  .nullable()
  .transform((value): ByteString | undefined => value ?? undefined);
const count = z.number().int().nonnegative();
/** Each event has two: a check of its own costs less than those of a tuple. */
const time = z
  .custom<[number, number]>(isTime, {error: 'not [seconds, nanoseconds]'})
  .transform(([seconds, nanos]): FileTime => ({seconds, nanos}));
const attributes = z
  .strictObject({kind: z.enum(Object.keys(kinds) as [KindName]), size: count, mtime: time, ctime: time})
  .transform(({kind, size, mtime, ctime}): Attributes => ({kind: kinds[kind], size, mtime, ctime}));
const run = z.instanceof(Uint8Array).superRefine((bytes, context) => {
  const problem = runProblem(bytes);
  if (problem !== undefined) context.addIssue({code: 'custom', message: problem});
});

const realtime = {message_source: z.literal('realtime'), observed_at: z.number().finite()};
const looked = {message_source: z.enum(messageSources).exclude(['realtime']), evidence: count};
const scanned = {message_source: z.enum(messageSources).exclude(['realtime']), scan: z.string().max(64), path};

const phase = z.discriminatedUnion('phase', [
  z.strictObject({kind: z.literal('phase'), phase: z.literal('scan_begin'), ...scanned}),
  z.strictObject({
    kind: z.literal('phase'),
    phase: z.literal('scan_progress'),
    ...scanned,
    directories: count,
    entries: count,
    unchanged: count.optional(),
  }),
  z.strictObject({
    kind: z.literal('phase'),
    phase: z.literal('scan_end'),
    ...scanned,
    is_complete: z.boolean(),
    reason: z.string().optional(),
  }),
  z.strictObject({kind: z.literal('phase'), phase: z.literal('gap'), path, reason: z.string()}),
  z.strictObject({kind: z.literal('phase'), phase: z.literal('coverage'), watched: count, known: count}),
  z.strictObject({kind: z.literal('phase'), phase: z.literal('unavailable'), reason: z.string()}),
  z.strictObject({kind: z.literal('phase'), phase: z.literal('available')}),
]);

const wireEvent = z.discriminatedUnion('kind', [
  z.strictObject({kind: z.literal('upsert'), ...realtime, path, attributes, atomic: z.boolean()}),
  z.strictObject({kind: z.literal('delete'), ...realtime, path}),
  z.strictObject({kind: z.literal('move'), ...realtime, path, to: path}),
  z.strictObject({
    kind: z.literal('listing'),
    ...looked,
    path,
    self: attributes,
    after: rangeEnd,
    until: rangeEnd,
    entries: run,
  }),
  z.strictObject({kind: z.literal('unchanged'), ...looked, path}),
  z.strictObject({kind: z.literal('unreadable'), ...looked, path, error: z.string().max(1000)}),
  z.strictObject({kind: z.literal('sentinel'), evidence: count, path, attributes: attributes.nullable()}),
  phase,
]);

const wireBatch = z.strictObject({
  schema: z.literal(schemaName),
  session: z.string().min(1).max(64),
  number: z.number().int().positive(),
  heard: z.tuple([count, z.number().finite()]).optional(),
  events: z.array(z.unknown()),
});

function isTime(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [seconds, nanos] = value;
  return Number.isSafeInteger(seconds) && Number.isInteger(nanos) && nanos >= 0 && nanos < 1e9;
}

export function encodeBatch({session, number, heard, events}: Omit<Batch, 'sentAt'>): Uint8Array {
  const wireHeard = heard && {heard: [heard.hlc, heard.at]};
  const bytes = encoder.encode({schema: schemaName, session, number, ...wireHeard, events: events.map(toWire)});
  if (bytes.byteLength > encoderBytes) encoder.useBuffer(Buffer.allocUnsafeSlow(encoderBytes));
  return bytes;
}

/** Throws BATCH_REJECTED, with the number of the first event that is wrong and why. */
export function decodeBatch(bytes: Uint8Array, sentAt: number): Batch {
  const {session, number, heard, events} = parse(wireBatch, decodeCbor(bytes), 'The batch');
  return {
    session,
    number,
    sentAt,
    heard: heard && {hlc: heard[0], at: heard[1]},
    events: events.map((event, index) => fromWire(parse(wireEvent, event, `Event ${index} of the batch`))),
  };
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new FustorError('BATCH_REJECTED', `The batch of ${bytes.byteLength} bytes is not CBOR.`, {cause: error});
  }
}

function parse<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue!.path.length === 0 ? '' : ` at ${issue!.path.join('.')}`;
  throw new FustorError('BATCH_REJECTED', `${what} does not follow the protocol${where}: ${issue!.message}.`);
}

function toWire(event: FsEvent): Record<string, unknown> {
  switch (event.kind) {
    case 'upsert':
      return {
        kind: event.kind,
        message_source: 'realtime',
        observed_at: event.observedAt,
        path: toBytes(event.path),
        attributes: attributesToWire(event.attributes),
        atomic: event.isAtomic,
      };
    case 'delete':
      return {kind: event.kind, message_source: 'realtime', observed_at: event.observedAt, path: toBytes(event.path)};
    case 'move':
      return {
        kind: event.kind,
        message_source: 'realtime',
        observed_at: event.observedAt,
        path: toBytes(event.from),
        to: toBytes(event.to),
      };
    case 'listing':
      return {
        kind: event.kind,
        message_source: event.source,
        evidence: event.evidence,
        path: toBytes(event.path),
        self: attributesToWire(event.self),
        after: event.after === undefined ? null : toBytes(event.after),
        until: event.until === undefined ? null : toBytes(event.until),
        entries: event.entries,
      };
    case 'unchanged':
      return {kind: event.kind, message_source: event.source, evidence: event.evidence, path: toBytes(event.path)};
    case 'unreadable':
      return {
        kind: event.kind,
        message_source: event.source,
        evidence: event.evidence,
        path: toBytes(event.path),
        error: event.error,
      };
    case 'sentinel':
      return {
        kind: event.kind,
        evidence: event.evidence,
        path: toBytes(event.path),
        attributes: event.attributes ? attributesToWire(event.attributes) : null,
      };
    case 'phase':
      return phaseToWire(event);
  }
}

function phaseToWire(event: Extract<FsEvent, {kind: 'phase'}>): Record<string, unknown> {
  switch (event.phase) {
    case 'scan_begin':
    case 'scan_progress':
    case 'scan_end': {
      const {kind, phase, source, scan} = event;
      const wire = {kind, phase, message_source: source, scan, path: toBytes(event.path)};
      if (event.phase === 'scan_begin') return wire;
      if (event.phase === 'scan_progress') {
        const {directories, entries, unchanged} = event;
        return {...wire, directories, entries, ...(unchanged === undefined ? {} : {unchanged})};
      }
      return {...wire, is_complete: event.isComplete, ...(event.reason === undefined ? {} : {reason: event.reason})};
    }
    case 'gap':
      return {kind: event.kind, phase: event.phase, path: toBytes(event.path), reason: event.reason};
    default:
      return {...event};
  }
}

function fromWire(wire: z.output<typeof wireEvent>): FsEvent {
  switch (wire.kind) {
    case 'upsert': {
      const {kind, path, attributes, atomic, observed_at} = wire;
      return {kind, path, attributes, isAtomic: atomic, observedAt: observed_at};
    }
    case 'delete':
      return {kind: wire.kind, path: wire.path, observedAt: wire.observed_at};
    case 'move':
      return {kind: wire.kind, from: wire.path, to: wire.to, observedAt: wire.observed_at};
    case 'sentinel':
      return {...wire, attributes: wire.attributes ?? undefined};
    case 'listing':
    case 'unchanged':
    case 'unreadable': {
      const {message_source, ...rest} = wire;
      return {...rest, source: message_source};
    }
    case 'phase': {
      if (wire.phase === 'scan_end') {
        const {message_source, is_complete, reason, ...rest} = wire;
        return {...rest, source: message_source, isComplete: is_complete, reason};
      }
      if (wire.phase === 'scan_begin' || wire.phase === 'scan_progress') {
        const {message_source, ...rest} = wire;
        return {...rest, source: message_source};
      }
      return wire;
    }
  }
}

function attributesToWire({kind, size, mtime, ctime}: Attributes): Record<string, unknown> {
  return {
    kind: kindNames[kind as Kind],
    size,
    mtime: [mtime.seconds, mtime.nanos],
    ctime: [ctime.seconds, ctime.nanos],
  };
}
