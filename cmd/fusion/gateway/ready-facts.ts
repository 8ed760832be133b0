import {rootPath} from '../../../core/entry/path.ts';
import {readMeta} from '../../../core/query/meta.ts';
import {resolve} from '../../../core/query/resolve.ts';
import type {GatewayParts} from './app.ts';

/** What a gateway tells of itself when it is asked whether it is ready: how its views are. */
export function readyFacts({views, clock}: Pick<GatewayParts, 'views' | 'clock'>): object {
  const states = views.all().map(({name, reader}) => {
    const {sync, complete} = reader.read(txn =>
      readMeta(txn, {view: name, nowMs: clock.now()}, resolve(txn, rootPath)),
    );
    return {sync, complete};
  });
  return {views: states.length, states};
}
