import {expect, test} from 'vitest';
import {composeStrict} from './compose.ts';
import {agentConfig, fusionConfig} from './node-config.ts';
import {readSiteFile} from './site-file.ts';

const identities = {tokensOf: () => [], apiKeys: () => []};

test('the soak of the site holds for every node that says nothing else', () => {
  const text = `policies: { soak: 5s }
fusions: { one: { url: "http://one:8102" }, two: { url: "http://two:8102", supervision: { soak: 9s, memory_max: 1GiB } } }
agents: { plain: {}, own: { supervision: { soak: 7s } } }
`;
  const {site} = composeStrict(new Map([['site.yaml', text]]), {credentials: new Set(), read: readSiteFile});
  const ofAgent = (id: string) => agentConfig(site, id).agent;
  const ofFusion = (id: string) => fusionConfig(site, id, {identities, secret: name => name}).fusion;
  expect([ofAgent('plain'), ofAgent('own')]).toMatchObject([{supervision: {soak: '5s'}}, {supervision: {soak: '7s'}}]);
  expect(ofFusion('one')).toMatchObject({supervision: {soak: '5s'}});
  expect(ofFusion('two')).toMatchObject({supervision: {soak: '9s', memory_max: '1GiB'}});
});
