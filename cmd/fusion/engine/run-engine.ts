import {randomBytes} from 'node:crypto';
import {mkdir, readdir, rm, writeFile} from 'node:fs/promises';
import type {Server} from 'node:http';
import {join} from 'node:path';
import {z} from 'zod';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {Log} from '../../../core/log/log.ts';
import {openTreeStore} from '../../../store/tree-store.ts';
import {systemClock} from '../../system-clock.ts';
import {listenUnix} from '../../unix-socket.ts';
import {DeathMarkFile} from './death-marks.ts';
import {Engine} from './engine.ts';
import {EngineMetrics} from './engine-metrics.ts';
import {createEngineServer} from './engine-server.ts';

/** What the shell hands to an engine on its stdin. */
export const engineConfig = z.strictObject({
  view: z.string(),
  directory: z.string(),
  socket: z.string(),
  settings: z.strictObject({
    hotFileThresholdMs: z.number(),
    cacheWindowMs: z.number(),
    tombstoneRetentionMs: z.number(),
    sessionTimeoutMs: z.number(),
  }),
  /** How large the log of changes may be. */
  changeLogBytesMax: z.number().optional(),
});
export type EngineConfig = z.output<typeof engineConfig>;

const tickMs = 1_000;
const rejectedMax = 100;
const drainMs = 2_000;

/** The engine process of one view. Resolves when `signal` aborts and everything is stored. */
export async function runEngine(config: EngineConfig, {log, signal}: {log: Log; signal: AbortSignal}): Promise<void> {
  const {view, directory, socket, settings, changeLogBytesMax} = config;
  const clock = systemClock;
  const store = await openTreeStore(directory, {changeLogBytesMax});
  const metrics = new EngineMetrics(view);
  const marks = new DeathMarkFile(join(directory, 'under-way'));
  const engine = new Engine(
    {view, ...settings},
    {
      store,
      clock,
      log,
      metrics,
      randomId: () => randomBytes(12).toString('hex'),
      keepAside: batch => keepAside(join(directory, 'rejected'), batch),
      marks,
    },
  );
  let refusal: FustorError | undefined = new FustorError('ENGINE_UNAVAILABLE', 'The engine has not started yet.');
  const server = createEngineServer(engine, {
    log,
    metrics: () => metrics.registry.getMetricsAsJSON(),
    signal,
    refusal: () => refusal,
  });
  await listenUnix(server, socket);
  while (!signal.aborted) {
    const full = await engine.start().catch(noRoom);
    if (!full) break;
    if (refusal.code !== 'STORE_FULL') log.error({error: full.message, hint: full.hint}, 'the engine waits for room');
    refusal = full;
    await clock.sleep(tickMs, signal);
  }
  refusal = undefined;
  log.info({view, directory}, 'engine ready');
  while (!signal.aborted) {
    await engine.tick();
    await clock.sleep(tickMs, signal);
  }
  await drain(server);
  await store.close();
  marks.close();
}

/** A disk that is full when the engine starts is waited for: what else fails may be gone with the process. */
function noRoom(error: unknown): FustorError {
  if (error instanceof FustorError && error.code === 'STORE_FULL') return error;
  throw error;
}

/** What is under way, held heartbeats too, is answered first. */
async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()));
  const deadline = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearTimeout(deadline);
}

/** The newest few: an agent gone mad must not fill the disk. Undefined when the disk has no room. */
async function keepAside(
  folder: string,
  {session, number, bytes, reason}: {session: string; number: number; bytes: Uint8Array; reason: string},
): Promise<string | undefined> {
  const file = join(folder, `${Date.now()}-${session.replaceAll(/[^\w.-]/g, '_')}-${number}.cbor`);
  try {
    await mkdir(folder, {recursive: true, mode: 0o700});
    await writeFile(`${file}.txt`, `${reason}\n`, {mode: 0o600});
    await writeFile(file, bytes, {mode: 0o600});
    const kept = (await readdir(folder)).sort();
    for (const old of kept.slice(0, Math.max(0, kept.length - 2 * rejectedMax)))
      await rm(join(folder, old), {force: true});
    return file;
  } catch {
    await Promise.allSettled([file, `${file}.txt`].map(path => rm(path, {force: true}))); // half of it says nothing
    return undefined;
  }
}
