import type {Desired} from '../control/health/facts.ts';
import type {NodeRef} from '../control/manifests.ts';
import {fusionOf, pipesOf, type Site} from './site.ts';

/** What should be, as far as it can be compared with what is. */
export function wantedOf(site: Site, signatureOf: (node: NodeRef) => string | undefined): Desired {
  const views = [...site.views.keys()].map(name => ({name, fusion: fusionOf(site, name)}));
  return {
    views,
    agents: [...site.agents].map(([id, agent]) => ({
      id,
      pipes: [...pipesOf(site, agent).pipes].map(([name, {settings}]) => ({name, view: String(settings.view)})),
      signature: signatureOf({kind: 'agent', id}),
    })),
    fusions: [...site.fusions.keys()].map(id => ({
      id,
      views: views.filter(({fusion}) => fusion === id).map(({name}) => name),
      signature: signatureOf({kind: 'fusion', id}),
    })),
  };
}
