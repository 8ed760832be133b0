import type {ControllerAppParts} from '../../cmd/controller/app.ts';
import {ControllerMetrics} from '../../cmd/controller/metrics.ts';
import {hashKeys, KeyRing} from '../../cmd/http/keys.ts';
import {systemClock} from '../../cmd/system-clock.ts';
import type {Role} from '../../core/config/schema.ts';
import type {ControlStore} from '../../core/control/control-store.ts';
import {Controller} from '../../core/control/controller.ts';
import {Health, type HealthParts} from '../../core/control/health/health.ts';
import {openTestDesired} from './desired-parts.ts';
import {quietLog} from './identity-parts.ts';
import {openMemoryControl} from './memory-control.ts';

const roles: Role[] = ['agent', 'reader', 'operator', 'admin'];

type Given = {store?: ControlStore; leaving?: AbortSignal; facts?: HealthParts['facts']; randomId?: () => string};

/** What a controller's app is made from, all of it real and in memory. The key of a role is `key-of-ROLE`. */
export async function controllerParts({
  store = openMemoryControl(),
  leaving = new AbortController().signal,
  facts,
  randomId = () => 'c1',
}: Given = {}) {
  const controller = new Controller({store, clock: systemClock, log: quietLog, randomId});
  const factsOfNodes = () => ({version: '1', nodes: controller.nodes()});
  return {
    controller,
    health: new Health({store, clock: systemClock, facts: facts ?? factsOfNodes}),
    keys: new KeyRing(hashKeys(roles.map(role => ({name: role, role, key: `key-of-${role}`, views: []})))),
    ...(await openTestDesired(store)),
    clock: systemClock,
    log: quietLog,
    metrics: new ControllerMetrics(controller),
    leaving,
  } satisfies ControllerAppParts;
}
