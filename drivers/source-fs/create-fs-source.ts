import type {SourceConfig} from '../../core/config/schema.ts';
import type {Source} from '../../core/source/source.ts';
import {FsSource, type FsSourceParts} from './fs-source.ts';

export function createFsSource(config: SourceConfig, parts: FsSourceParts): Source {
  return new FsSource(config, parts);
}
