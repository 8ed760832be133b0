import {noDeathMarks} from '../../cmd/fusion/engine/death-marks.ts';
import {Engine} from '../../cmd/fusion/engine/engine.ts';
import {EngineMetrics} from '../../cmd/fusion/engine/engine-metrics.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Log} from '../../core/log/log.ts';
import type {Clock} from '../../core/time/clock.ts';
import type {TreeSettings} from '../../core/tree/context.ts';
import type {TreeStore, TreeWrite} from '../../core/tree/tree-store.ts';
import type {VirtualTime} from './virtual-time.ts';

export const quietLog: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => quietLog};

export type FusionSettings = TreeSettings & {sessionTimeoutMs: number};

const tickMs = 1_000;

/** The real engine on a store that outlives it. */
export class SimFusion {
  readonly store: TreeStore;
  readonly #settings: FusionSettings;
  readonly #time: VirtualTime;
  readonly #wallMs: () => number;
  readonly #onRejected: (reason: string) => void;
  #engine: Engine | undefined;
  #life = new AbortController();
  #sessions = 0;
  #isRunning = false;

  constructor(
    store: TreeStore,
    settings: FusionSettings,
    parts: {time: VirtualTime; wallMs: () => number; onRejected: (reason: string) => void},
  ) {
    this.store = store;
    this.#settings = settings;
    this.#time = parts.time;
    this.#wallMs = parts.wallMs;
    this.#onRejected = parts.onRejected;
  }

  /** Nothing when it runs. */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#life = new AbortController();
    const {signal} = this.#life;
    const clock: Clock = this.#time.clock(1_000_000, this.#wallMs);
    const engine = new Engine(
      {view: 'v', ...this.#settings},
      {
        store: mortal(this.store, signal),
        clock,
        log: quietLog,
        metrics: new EngineMetrics('v'),
        randomId: () => String(++this.#sessions),
        keepAside: async ({reason}) => {
          this.#onRejected(reason);
          return 'kept';
        },
        marks: noDeathMarks,
      },
    );
    await engine.start();
    if (signal.aborted) return;
    this.#engine = engine;
    void this.#tick(engine, signal);
  }

  /** As `kill -9`: what was not committed is lost, and nobody gets an answer. */
  kill(): void {
    this.#life.abort();
    this.#isRunning = false;
    this.#engine = undefined;
  }

  /** Never resolves when the engine dies meanwhile. */
  async call<T>(use: (engine: Engine) => Promise<T>): Promise<T> {
    const {signal} = this.#life;
    if (!this.#engine) throw new FustorError('UNREACHABLE', 'The fusion is not running.');
    const died = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => died.reject(new FustorError('UNREACHABLE', 'The fusion died.')));
    return Promise.race([use(this.#engine), died.promise]);
  }

  async #tick(engine: Engine, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#time.sleep(tickMs, signal);
      if (!signal.aborted) await engine.tick();
    }
  }
}

/** A store whose transactions stop happening when its engine dies. */
function mortal(store: TreeStore, signal: AbortSignal): TreeStore {
  const never = new Promise<never>(() => {});
  return {
    read: body => store.read(body),
    write: <T>(body: (txn: TreeWrite) => T) =>
      (signal.aborted ? never : store.write(body as (txn: TreeWrite) => never)) as ReturnType<
        TreeStore['write']
      > as never,
    close: () => store.close(),
  };
}
