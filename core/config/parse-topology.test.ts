import {expect, test} from 'vitest';
import {parseTopology} from './parse-topology.ts';

const secrets = {
  resolveEnv: () => undefined,
  readSecretFile: () => {
    throw new Error('it does not exist');
  },
};
const sha256 = 'a'.repeat(64);

test('a mistake in a view keeps out that view, one in a key that key; settings that are not said are not set', () => {
  const topology = parseTopology(
    JSON.stringify({
      fusion: {client_timeout: '1m'},
      views: {a: {hot_file_threshold: '1s'}, b: {cache_window: 'soon'}, c: {unknown: 1}},
      keys: [
        {name: 'anna', role: 'reader', views: ['a'], sha256, added_later: true},
        {name: 'ben', role: 'king', views: '*', sha256},
      ],
    }),
    secrets,
  );
  expect(topology.fusion).toEqual({clientTimeoutMs: 60_000});
  expect(topology.views).toMatchObject([
    {name: 'a', view: {name: 'a', hotFileThresholdMs: 1_000}},
    {name: 'b', mistake: expect.stringContaining('views.b.cache_window: wrong value; found "soon"')},
    {name: 'c', mistake: expect.stringContaining('views.c.unknown: unknown setting')},
  ]);
  expect(topology.keys).toEqual([{name: 'anna', role: 'reader', views: ['a'], sha256}]);
  expect(topology.mistakes).toEqual([expect.stringContaining('keys[1]')]);
});

test('settings of the fusion with a mistake leave all of them as they are', () => {
  const {fusion, mistakes} = parseTopology('{"fusion": {"gateways": 0, "log_level": "warn"}}', secrets);
  expect(fusion).toEqual({});
  expect(mistakes).toEqual([expect.stringContaining('fusion.gateways: wrong value; found 0')]);
});

test('nothing is nothing', () => {
  expect(parseTopology('{"views": {}, "keys": []}', secrets)).toEqual({fusion: {}, views: [], keys: [], mistakes: []});
});
