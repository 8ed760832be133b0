import {until} from '../../lib/until.ts';
import {isAlive} from '../site/census.ts';
import type {Fault} from './fault.ts';

/** A key is added and a setting of gateways changes, and SIGHUP: the key opens the view soon; the engine, which knows neither, stays. */
export const reloadedFusion: Fault = {
  name: 'reload-fusion',
  weight: 3,
  keepsSession: true,
  async inflict(scene) {
    const {site} = scene;
    const engine = await scene.any('engine');
    const {fusion, keys} = site.config.fusion;
    const key = `key-number-${keys.length}-${scene.random.below(1e9)}`;
    keys.push({name: `added-${keys.length}`, role: 'reader', key, views: ['site']});
    fusion.client_timeout = `${120 + keys.length}s`;
    site.writeConfig('fusion');
    await scene.renewed('fusion', ['gateway'], () => site.services.fusion.kill('SIGHUP'));
    await until(async () => (await site.get('/api/v1/status', key)).status === 200, {what: 'the new key to open'});
    if (!isAlive(engine)) throw new Error('the engine was replaced, though nothing of it had changed');
  },
};
