import {Counter, Gauge, Histogram, Registry} from 'prom-client';
import type {Ingestion} from '../../../core/session/ingest.ts';
import {rootDirectory, type TreeReader} from '../../../core/tree/tree-store.ts';

/** What an engine tells of itself; each has the label `view`. */
export class EngineMetrics {
  readonly registry = new Registry();
  readonly #view: string;
  readonly #batches: Counter<'view' | 'outcome'>;
  readonly #events: Counter<'view'>;
  readonly #late: Counter<'view'>;
  readonly #commitSeconds: Histogram<'view'>;
  readonly #entries: Gauge<'view' | 'content_type'>;
  readonly #suspects: Gauge<'view'>;
  readonly #blindSpots: Gauge<'view'>;
  readonly #unlisted: Gauge<'view'>;

  constructor(view: string) {
    this.#view = view;
    const registers = [this.registry];
    const labelNames = ['view'] as const;
    this.#batches = new Counter({
      name: 'fustor_engine_batches_total',
      help: 'Batches by outcome: stored, repeated (stored before) or rejected.',
      labelNames: ['view', 'outcome'],
      registers,
    });
    this.#events = new Counter({name: 'fustor_engine_events_total', help: 'Events received.', labelNames, registers});
    this.#late = new Counter({
      name: 'fustor_engine_late_events_total',
      help: 'Events that came too late to count.',
      labelNames,
      registers,
    });
    this.#commitSeconds = new Histogram({
      name: 'fustor_engine_commit_seconds',
      help: 'From a decoded batch to its durable commit.',
      labelNames,
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
      registers,
    });
    this.#entries = new Gauge({
      name: 'fustor_view_entries',
      help: 'Entries of the view.',
      labelNames: ['view', 'content_type'],
      registers,
    });
    this.#suspects = new Gauge({name: 'fustor_view_suspects', help: 'Suspect files.', labelNames, registers});
    this.#blindSpots = new Gauge({name: 'fustor_view_blind_spots', help: 'Blind spots.', labelNames, registers});
    this.#unlisted = new Gauge({
      name: 'fustor_view_unlisted_directories',
      help: 'Directories that no complete listing has reached yet.',
      labelNames,
      registers,
    });
  }

  committed({arbitration}: Ingestion, events: number, seconds: number): void {
    const view = this.#view;
    this.#batches.inc({view, outcome: arbitration ? 'stored' : 'repeated'});
    this.#events.inc({view}, events);
    this.#late.inc({view}, arbitration?.late ?? 0);
    this.#commitSeconds.observe({view}, seconds);
  }

  rejected(): void {
    this.#batches.inc({view: this.#view, outcome: 'rejected'});
  }

  observe(store: TreeReader): void {
    const totals = store.read(txn => txn.directory(rootDirectory)!.totals);
    const view = this.#view;
    this.#entries.set({view, content_type: 'file'}, totals.files);
    this.#entries.set({view, content_type: 'directory'}, totals.directories);
    this.#entries.set({view, content_type: 'other'}, totals.others);
    this.#suspects.set({view}, totals.suspects);
    this.#blindSpots.set({view}, totals.blindSpots);
    this.#unlisted.set({view}, totals.unlisted);
  }
}
