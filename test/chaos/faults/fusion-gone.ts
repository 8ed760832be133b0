import {partsOf} from '../site/chaos-site.ts';
import type {Fault} from './fault.ts';

/** `kill -9` of every process of the fusion. Where systemd holds the socket, who asks meanwhile waits and is answered. */
export const fusionGone: Fault = {
  name: 'kill-all-fusion',
  weight: 3,
  keepsSession: true,
  mayRefuse: ({holder}) => holder === 'shell',
  async inflict(scene) {
    const victims = scene.site.processes('fusion-shell', ...partsOf.fusion);
    scene.kill(...victims);
    await scene.gone(victims);
  },
};
