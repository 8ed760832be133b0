import {until} from '../../lib/until.ts';
import {median} from '../load.ts';
import type {Stage} from '../stage.ts';

/** What does not get slower with the size of the tree. */
export async function largeGroup(stage: Stage): Promise<void> {
  const site = await stage.site();
  const ms: number[] = [];
  for (let round = 0; round < 5; round++) {
    await site.kill('fusion');
    const startedAt = performance.now();
    site.run('fusion');
    const first = await until(() => site.get('/api/v1/fs/tree').catch(() => undefined), {
      everyMs: 2,
      what: 'an answer',
    });
    ms.push(performance.now() - startedAt);
    if (first.status !== 200 || JSON.parse(first.text).data.children.length === 0) throw new Error('not a warm answer');
  }
  stage.rows.add({name: 'kill -9, exec to first right answer', value: median(ms), unit: 'ms', against: 'median of 5'});
}
