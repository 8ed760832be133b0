// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {expect, test} from 'vitest';
import {type ConfigText, parsePipes} from './parse-pipes.ts';

const secrets = {
  resolveEnv: (name: string) => ({KEY: 'agent-key-1'})[name],
  readSecretFile: (path: string) => {
    throw new Error(`${path}: it does not exist`);
  },
};
const own = {id: 'node-a', data: './data'};

function parse(...texts: string[]) {
  const files: ConfigText[] = texts.map((text, index) => ({file: `${index + 1}.yaml`, text}));
  return parsePipes(files, secrets, own);
}

/** Names with what keeps them out. */
function told(config: ReturnType<typeof parse>): Record<string, string> {
  return Object.fromEntries(config.pipes.map(one => [one.name, 'mistake' in one ? one.mistake : 'fine']));
}

const sources = 'sources: {s: {path: /s}, bad: {path: /b, walkers: 0}}\n';
const senders = 'senders: {f: {url: "http://h"}, bad: {url: "http://h", key: "${env:GONE}"}}\n';

test('a mistake keeps out the pipe that it stands in, and those that use what it stands in', () => {
  const config = parse(`agent: {log_level: debug}
${sources}${senders}pipes:
  good: {source: s, sender: f, view: a}
  own: {source: s, sender: f, view: b, audit_interval: soon}
  typing: {source: s, sender: f, view: c, audits: 1h}
  source: {source: bad, sender: f, view: d}
  sender: {source: s, sender: bad, view: e}
  nowhere: {source: x, sender: f, view: f}
  twice: {source: s, sender: f, view: a}
  nothing: 7
`);
  expect(told(config)).toEqual({
    good: 'fine',
    own: expect.stringContaining('1.yaml:6:56  pipes.own.audit_interval: wrong value; found "soon"; wanted a duration'),
    typing: expect.stringContaining('pipes.typing.audits: unknown setting'),
    source: expect.stringContaining('sources.bad.walkers: wrong value; found 0'),
    sender: expect.stringContaining('senders.bad.key: the environment variable GONE is not set'),
    nowhere: expect.stringContaining('pipes.nowhere.source: no such source'),
    twice: expect.stringContaining('pipes.twice.view: another pipe sends to this view already'),
    nothing: expect.stringContaining('pipes.nothing: wrong kind of value'),
  });
  expect(config).toMatchObject({agent: {id: 'node-a', logLevel: 'debug'}, mistakes: [], isComplete: true});
  expect(config.pipes[0]).toMatchObject({pipe: {view: 'a'}, source: {path: '/s'}, sender: {key: undefined}});
});

test('a mistake beside the pipes keeps none out, and is told', () => {
  const config = parse(
    `agent: {log_level: loud}\n${sources}${senders}pipes: {p: {source: s, sender: f, view: a}}\nnews: 1\n`,
  );
  expect(told(config)).toEqual({p: 'fine'});
  expect(config.agent).toBeUndefined();
  expect(config.mistakes).toEqual([
    expect.stringContaining('1.yaml:5:1  news: unknown setting'),
    expect.stringContaining('1.yaml:1:20  agent.log_level: wrong value'),
  ]);
});

test('of several files a broken one keeps out its own pipes alone', () => {
  const first = `${sources}${senders}`;
  const second = 'pipes: {p: {source: s, sender: f, view: a}}\n';
  const config = parse(first, second, 'pipes: {q: {', 'pipes: {p: {source: s, sender: f, view: z}}', 'pipes: [7]');
  expect(told(config)).toEqual({p: 'fine'});
  expect(config.isComplete).toBe(false);
  expect(config.mistakes).toEqual([
    expect.stringContaining('3.yaml:1:'),
    '4.yaml:1:12  pipes.p: stands in 2.yaml, too, and that one counts',
    expect.stringContaining('5.yaml:1:8  pipes: wrong kind of value'),
  ]);
});

test('a manifest is read like a file, and secrets are put in here', () => {
  const config = parse(
    JSON.stringify({
      sources: {s: {path: '/s'}},
      senders: {f: {url: 'http://h', key: '${env:KEY}'}, g: {url: 'http://h', key: '${file:gone}'}},
      pipes: {p: {source: 's', sender: 'f', view: 'a'}, q: {source: 's', sender: 'g', view: 'a'}},
    }),
  );
  expect(told(config)).toEqual({p: 'fine', q: expect.stringContaining('gone: it does not exist')});
  expect(config.pipes[0]).toMatchObject({sender: {key: 'agent-key-1'}});
});

test('nothing is nothing', () => {
  expect(parse()).toMatchObject({pipes: [], agent: {id: 'node-a'}, mistakes: [], isComplete: true});
  expect(parse('{"sources":{},"senders":{},"pipes":{}}')).toMatchObject({pipes: [], isComplete: true});
});
