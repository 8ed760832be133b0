import {statSync} from 'node:fs';
import {join} from 'node:path';
import {Site} from '../../lib/site.ts';
import {bytesEach} from '../bytes-each.ts';
import {median} from '../load.ts';
import {MemoryPeaks} from '../memory-peaks.ts';
import {anonymousBytesOf} from '../process-usage.ts';
import {restartMs} from '../restart.ts';
import type {Stage} from '../stage.ts';
import {feed} from './feed.ts';
import {MadeUpStorage} from './made-up-storage.ts';

/**
 * As many directories as the group `large` has files, with one file each, by what an agent would tell of them: each costs the
 * engine what forty files in one directory do.
 */
export async function manyDirectories(stage: Stage): Promise<void> {
  const {rows, settings, folder} = stage;
  const rounds = stage.rounds(5);
  const source = new MadeUpStorage({directories: settings.largeFiles, filesEach: 1});
  const {directories} = source;
  const what = `${directories.toLocaleString('en')} tiny directories`;
  const site = new Site(folder);
  try {
    await site.prepare();
    await site.startFusion();
    const engine = site.partPid('fusion', 'engine-site');
    const base = anonymousBytesOf(engine);
    const peaks = new MemoryPeaks(() => [engine]);
    const startedAt = performance.now();
    const feeding = feed(site, source);
    await site.live(3_600_000);
    const seconds = (performance.now() - startedAt) / 1000;
    peaks.stop();
    const {data} = JSON.parse((await site.get('/api/v1/fs/stats')).text);
    if (data.directories !== directories || data.files !== source.files) {
      throw new Error(`${what}, and the view has ${data.directories} with ${data.files} files`);
    }
    rows.add({
      name: `${what}, to a complete view`,
      value: directories / seconds,
      unit: 'directories/s',
      against: `${seconds.toFixed(1)} s; with a file each: ${Math.round((2 * directories) / seconds).toLocaleString('en')} entries a second`,
    });
    rows.add({
      name: `${what}, memory of the engine at its peak`,
      value: bytesEach({bytes: peaks.of(engine), base, count: directories}),
      unit: 'bytes a directory',
      against: `RssAnon ${(peaks.of(engine) / 2 ** 20).toFixed(0)} MiB, without a directory ${(base / 2 ** 20).toFixed(0)}`,
    });
    const {blocks} = statSync(join(site.folder, 'fusion/views/site/tree.mdb'));
    rows.add({name: `${what}, disk`, value: (blocks * 512) / directories, unit: 'bytes a directory and its file'});
    const ms = median(await restartMs(site, rounds));
    rows.add({
      name: `${what}, kill -9, exec to first right answer`,
      value: ms,
      unit: 'ms',
      against: `median of ${rounds}`,
    });
    await feeding.end();
  } finally {
    await site.dispose();
  }
}
