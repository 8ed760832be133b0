import {Gauge} from 'prom-client';
import type {Controller} from '../../core/control/controller.ts';
import {RequestMetrics} from '../http/request-metrics.ts';

export class ControllerMetrics extends RequestMetrics {
  constructor(controller: Controller) {
    super('fustor_controller_http');
    new Gauge({
      name: 'fustor_controller_agents',
      help: 'Agents that are online, and that are silent.',
      labelNames: ['state'],
      registers: [this.registry],
      collect() {
        for (const [state, count] of Object.entries(controller.counts())) this.set({state}, count);
      },
    });
  }
}
