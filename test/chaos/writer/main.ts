import {Prng} from '../../lib/prng.ts';
import {Changes} from './changes.ts';

/**
 * The process that changes: `main.ts DIRECTORY SEED RATE`, so many changes a second until it is told to stop. Tells the number
 * of changes made so far, and answers `pause` when nothing is changed any more.
 */
export type WriterSettings = {directory: string; seed: number; rate: number};
export type ToWriter = 'pause' | 'resume';
export type FromWriter = {isPaused: boolean; changes: number};

const settings = JSON.parse(process.argv[2] ?? '{}') as WriterSettings;
const changes = new Changes(settings.directory, new Prng(settings.seed));
/** Changes that could not be made in time are not made up for by more than this many at once. */
const behindMax = 2_000;
let made = 0;
let due = 0;
let isPaused = true;
let lastAt = performance.now();

process.on('message', (message: ToWriter) => {
  isPaused = message === 'pause';
  due = 0;
  tell();
});
process.once('disconnect', () => process.exit());
setInterval(work, 5);
setInterval(tell, 1_000);
tell();

function work(): void {
  const now = performance.now();
  const passedMs = now - lastAt;
  lastAt = now;
  if (isPaused) return;
  due = Math.min(behindMax, due + (passedMs * settings.rate) / 1_000);
  while (due >= 1) {
    const count = changes.next();
    due -= count;
    made += count;
  }
}

function tell(): void {
  process.send?.({isPaused, changes: made} satisfies FromWriter);
}
