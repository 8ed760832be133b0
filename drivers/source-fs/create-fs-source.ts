import type {SourceConfig} from '../../core/config/schema.ts';
import type {Source} from '../../core/source/source.ts';
import {FsSource, type FsSourceParts} from './fs-source.ts';
import {PortableSource} from './portable-source.ts';

/** On Linux through libc and inotify, elsewhere or when `watcher` says so through Node and chokidar. */
export function createFsSource(config: SourceConfig, parts: FsSourceParts): Source {
  const isPortable = config.watcher === 'chokidar' || (config.watcher === 'auto' && process.platform !== 'linux');
  return isPortable ? new PortableSource(config, parts) : new FsSource(config, parts);
}
