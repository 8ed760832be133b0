import type {Fault} from './fault.ts';

/** A setting of the pipe changes, and SIGHUP: the payload is replaced. */
export const reloadedAgent: Fault = {
  name: 'reload-agent',
  weight: 3,
  async inflict(scene) {
    const {site} = scene;
    const {site: pipe} = site.config.agent.pipes;
    pipe.sentinel_interval = pipe.sentinel_interval === '5s' ? '6s' : '5s';
    site.writeConfig('agent');
    await scene.renewed('agent', ['payload'], () => site.services.agent.kill('SIGHUP'));
  },
};
