// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {describe, expect, test} from 'vitest';
import {FustorError} from '../errors/fustor-error.ts';
import type {Mistake} from './mistakes.ts';
import {parseConfig} from './parse.ts';

const env: Record<string, string> = {AGENT_KEY: 'agent-key-1', READER_KEY: 'reader-key-1', EMPTY: '', PLACE: '/mnt'};

const sample = `\
fusion:  { listen: 127.0.0.1:8102, data: ./data/fusion }
keys:
  - { name: agents,  role: agent,  key: "\${env:AGENT_KEY}",  views: [research] }
  - { name: scripts, role: reader, key: "\${env:READER_KEY}", views: [research] }
views:   { research: { driver: fs, hot_file_threshold: 30s, cache_window: 120s, session_timeout: 30s } }
agent:   { id: node-a, data: ./data/agent }
sources: { mount: { driver: fs, path: /mnt/research, exclude: ["**/.snapshot/**"] } }
senders: { main: { driver: fusion, url: "http://127.0.0.1:8102", key: "\${env:AGENT_KEY}" } }
pipes:   { research: { source: mount, sender: main, view: research, audit_interval: 12h, sentinel_interval: 2m } }
`;

describe('a valid file', () => {
  test('is read with its settings, their units and all defaults', () => {
    const config = parse(sample);
    expect(config.fusion).toMatchObject({
      listen: {host: '127.0.0.1', port: 8102},
      supervision: {
        memoryBytesMax: 2 ** 31,
        unansweringAfterMs: 10_000,
        stalledAfterMs: 300_000,
      },
      data: './data/fusion',
      gateways: 2,
      embedsController: false,
      clientTimeoutMs: 120_000,
      logLevel: 'info',
    });
    expect(config.keys).toEqual([
      {name: 'agents', role: 'agent', key: 'agent-key-1', views: ['research']},
      {name: 'scripts', role: 'reader', key: 'reader-key-1', views: ['research']},
    ]);
    expect(config.views).toEqual([
      {
        name: 'research',
        driver: 'fs',
        hotFileThresholdMs: 30_000,
        cacheWindowMs: 120_000,
        sessionTimeoutMs: 30_000,
        tombstoneRetentionMs: 3_600_000,
        changeLogBytesMax: 64 * 2 ** 20,
      },
    ]);
    expect(config.agent).toMatchObject({id: 'node-a', data: './data/agent', logLevel: 'info'});
    expect(config.sources).toEqual([
      {
        name: 'mount',
        driver: 'fs',
        path: '/mnt/research',
        exclude: ['**/.snapshot/**'],
        crossesFileSystems: false,
        maxWatches: undefined,
        walkers: 2,
        nice: 10,
        watcher: 'auto',
      },
    ]);
    expect(config.senders).toEqual([
      {
        name: 'main',
        driver: 'fusion',
        url: 'http://127.0.0.1:8102',
        key: 'agent-key-1',
        batchEventsMax: 2000,
        batchBytesMax: 1_048_576,
        batchDelayMs: 5,
        windowBatches: 4,
        requestTimeoutMs: 30_000,
      },
    ]);
    expect(config.pipes).toEqual([
      {
        name: 'research',
        source: 'mount',
        sender: 'main',
        view: 'research',
        auditIntervalMs: 43_200_000,
        fullAuditEvery: 4,
        sentinelIntervalMs: 120_000,
        spoolBytesMax: 2 ** 30,
      },
    ]);
  });

  test('may have only the sections of one program', () => {
    const config = parse('fusion: {data: d}\n');
    expect(config).toMatchObject({keys: [], views: [], sources: [], senders: [], pipes: []});
    expect(config.agent).toBeUndefined();
  });

  test('has the defaults of a view whose settings are all left out', () => {
    const [view] = parse('views:\n  research:\n').views;
    expect(view).toMatchObject({cacheWindowMs: 120_000, hotFileThresholdMs: 30_000, tombstoneRetentionMs: 3_600_000});
  });

  test('may name a view that is on another host', () => {
    const agentOnly = sample.replace(/^(fusion|views|keys| {2}-).*\n/gm, '');
    expect(parse(agentOnly).pipes[0].view).toBe('research');
  });

  test.each([
    ['500ms', 500],
    ['0s', 0],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['24d', 24 * 86_400_000],
  ])('reads the duration %s', (written, milliseconds) => {
    expect(parse(`views: {v: {hot_file_threshold: ${written}}}`).views[0].hotFileThresholdMs).toBe(milliseconds);
  });

  test.each([
    'https://user:password@host/a.git',
    'ssh://git@host:22/~/a',
    'git@host:a/b.git',
    'host:/srv/a.git',
    'file:///srv/a',
    '/srv/a b',
  ])('reads %s as an address for git', url => {
    const config = parse(`controller: {data: d, git: {url: "${url}", path: ./a//b/}}`);
    expect(config.controller?.git).toMatchObject({url, branch: 'main', path: 'a/b', intervalMs: 30_000});
  });

  test.each([
    ['0.0.0.0:80', {host: '0.0.0.0', port: 80}],
    ['"[::1]:0"', {host: '::1', port: 0}],
    ['gateway-1.example.org:65535', {host: 'gateway-1.example.org', port: 65_535}],
  ])('reads the address %s', (written, listen) => {
    expect(parse(`fusion: {data: d, listen: ${written}}`).fusion?.listen).toEqual(listen);
  });

  test('opens all views to a key that says "*"', () => {
    const key = (views: string) => `keys: [{name: k, role: admin, key: 12345678a, views: ${views}}]\nviews: {v: {}}`;
    expect(parse(key('"*"')).keys[0].views).toBe('*');
    expect(parse(key('[v, "*"]')).keys[0].views).toBe('*');
    expect(parse(key('[v]')).keys[0].views).toEqual(['v']);
  });

  test('may repeat a part by an alias', () => {
    expect(parse('views: {a: &a {cache_window: 5s}, b: *a}').views.map(view => view.cacheWindowMs)).toEqual([
      5000, 5000,
    ]);
  });
});

describe('secrets', () => {
  test('come from the environment and from files, as a whole text and inside one', () => {
    const config = parse('sources: {s: {path: "${env:PLACE}/${file:/etc/name}", exclude: ["$${x}"]}}');
    expect(config.sources[0]).toMatchObject({path: '/mnt/secret-of-/etc/name', exclude: ['${x}']});
  });

  test('may be a number where a number is wanted', () => {
    env.GATEWAYS = '3';
    expect(parse('fusion: {data: d, gateways: "${env:GATEWAYS}"}').fusion?.gateways).toBe(3);
  });

  test.each([
    ['${env:NOT_THERE}', 'the environment variable NOT_THERE is not set'],
    ['${env:EMPTY}', 'the environment variable EMPTY is empty'],
    ['${file:/gone}', 'the secret cannot be read: /gone: it does not exist'],
    ['${NAME}', 'a "${" that begins neither ${env:NAME} nor ${file:/path}; write "$${" for a plain "${"'],
    ['a${', 'a "${" that begins neither ${env:NAME} nor ${file:/path}; write "$${" for a plain "${"'],
  ])('%s is refused at its place when there is no value for it', (written, message) => {
    expect(mistakesOf(`fusion:\n  data: "${written}"\n`)).toEqual([
      {file: 'f.yaml', line: 2, column: 9, path: 'fusion.data', message},
    ]);
  });

  test('never appear in a message', () => {
    env.SECRET = 'top secret';
    const error = refused(`
keys:
  - {name: "\${env:SECRET}", role: "\${env:SECRET}", key: "\${env:SECRET}", views: ["\${env:SECRET}"]}
  - {name: b, role: admin, key: "top secret", views: "*"}
  - top secret
  - [top secret]
agent: top secret
senders:
  a: {url: "http://me:top secret@host/", key: [top secret], batch_bytes: "\${env:SECRET}"}
  b: top secret
views: {"v": {driver: "\${file:/top}"}}
`);
    expect(JSON.stringify([error.message, error.toBody()])).not.toContain('top secret');
    expect(error.message).toContain('senders.a.batch_bytes: wrong value; found "${env:SECRET}"');
  });
});

describe('mistakes', () => {
  test('are all told at once, each with its place, what was found and what was wanted', () => {
    const text = sample
      .replace('listen:', 'listne:')
      .replace('role: reader', 'role: raeder')
      .replace('"${env:READER_KEY}"', 'short')
      .replace('view: research', 'view: reserch')
      .replace('audit_interval: 12h', 'audit_interval: 12')
      .replace('path: /mnt/research, ', '');
    expect(refused(text).message).toBe(`\
f.yaml has 6 mistakes:
  f.yaml:1:12  fusion.listne: unknown setting; wanted listen
  f.yaml:4:28  keys[1].role: wrong value; found "raeder"; wanted one of admin, operator, reader, agent
  f.yaml:4:41  keys[1].key: wrong value; found a text; wanted a key of at least 8 visible ASCII characters, without spaces
  f.yaml:7:12  sources.mount.path: missing; wanted a text
  f.yaml:9:59  pipes.research.view: no such view; found "reserch"; wanted research
  f.yaml:9:84  pipes.research.audit_interval: wrong value; found 12; wanted a duration with its unit (ms, s, m, h or d) \
from 1s to 24d, for example 30s`);
    expect(mistakesOf(text)[1]).toEqual({
      file: 'f.yaml',
      line: 4,
      column: 28,
      path: 'keys[1].role',
      message: 'wrong value',
      found: '"raeder"',
      wanted: 'one of admin, operator, reader, agent',
    });
  });

  test.each([
    ['fuzion: {}', 'f.yaml:1:1  fuzion: unknown setting; wanted fusion'],
    ['something: {}', 'wanted one of fusion, controller, keys, views, agent, sources, senders, pipes'],
    ['controller: {}', 'controller.data: missing; wanted a text'],
    ['views: {v: {hot_file_treshold: 3s}}', 'views.v.hot_file_treshold: unknown setting; wanted hot_file_threshold'],
    ['views: {a/b: {}}', 'views["a/b"]: cannot be a name'],
    ['views: {..: {}}', 'views[".."]: cannot be a name'],
    ['views: {__proto__: {}}', 'f.yaml:1:9  views: this name cannot be used'],
    ['views: {[a]: {}}', 'the name of a setting must be a plain text'],
    ['views: {v: {cache_window: 2h}}', 'tombstone_retention: missing; wanted a duration not shorter than cache_window'],
    ['views: {v: {cache_window: 25d}}', 'from 0s to 24d'],
    ['views: {v: {cache_window: -1s}}', 'found "-1s"'],
    ['views: []', 'views: wrong kind of value; found a list; wanted groups of settings, each under its name'],
    ['keys: {a: {}}', 'keys: wrong kind of value; found a group of settings; wanted a list of keys'],
    ['fusion: {data: }', 'fusion.data: wrong value; found nothing; wanted a text'],
    ['fusion: {data: d, gateways: 0}', 'found 0; wanted a whole number from 1 to 64'],
    ['fusion: {data: d, gateways: 1.5}', 'found 1.5'],
    ['fusion: {data: d, listen: 8102}', 'wanted an address as host:port'],
    ['fusion: {data: d, listen: "h:65536"}', 'wanted an address as host:port'],
    ['fusion: {data: d, log_level: warning}', 'wanted one of trace, debug, info, warn, error, fatal'],
    ['sources: {s: {path: /a, cross_file_systems: yes}}', 'found "yes"; wanted true or false'],
    ['senders: {s: {url: "ftp://h", key: 12345678a}}', 'senders.s.url: wrong value; found "ftp://h"'],
    ['pipes: {p: {source: a, sender: b, view: c}}', 'pipes.p.source: no such source; found "a"'],
    ['pipes: {p: {source: valueOf, sender: b, view: c}}', 'pipes.p.source: no such source'],
    ['views: {a: {}}\nkeys: [{name: k, role: admin, key: 12345678a, views: [b]}]', 'keys[0].views[0]: no such view'],
    [
      'controller: {data: d, git: {url: ./a}}',
      'controller.git.url: wrong value; found "./a"; wanted an address for git',
    ],
    ['controller: {data: d, git: {url: --upload-pack=x}}', 'wanted an address for git'],
    ['controller: {data: d, git: {url: "ext::sh -c x"}}', 'wanted an address for git'],
    ['controller: {data: d, git: {url: /a, branch: a..b}}', 'wanted the name of a branch'],
    ['controller: {data: d, git: {url: /a, path: a/../..}}', 'wanted a folder'],
    ['controller: {data: d, git: {url: /a, webhook_secret: short}}', 'found a text; wanted a key'],
    ['agent: {id: 7, data: d}', 'agent.id: wrong value; found 7; wanted a name'],
  ])('%s is refused', (text, message) => {
    expect(refused(text).message).toContain(message);
  });

  test('an agent has the address of its controller and the key for it, or neither', () => {
    const agent = (more: string) => `agent: {id: a, data: d${more}}`;
    const uri = ', control_plane_uri: "http://c:8101/"';
    expect(parse(agent(`${uri}, auth_token: 12345678a`)).agent?.controlPlane).toEqual({
      url: 'http://c:8101',
      key: '12345678a',
    });
    expect(parse(agent('')).agent?.controlPlane).toBeUndefined();
    expect(mistakesOf(agent(uri))).toMatchObject([
      {path: 'agent.auth_token', message: 'missing', wanted: 'both or neither: control_plane_uri is set'},
    ]);
    expect(refused(agent(`${uri}, auth_token: short`)).message).not.toContain('short');
  });

  test('two keys of one name, or with one value, are refused', () => {
    const key = (name: string, value: string) => `  - {name: ${name}, role: admin, key: ${value}, views: "*"}\n`;
    const text = `keys:\n${key('a', '12345678a')}${key('a', '12345678b')}${key('b', '12345678a')}`;
    expect(mistakesOf(text)).toMatchObject([
      {path: 'keys[1].name', message: 'another key has this name'},
      {path: 'keys[2].key', message: expect.stringContaining('the same key')},
    ]);
  });

  test('two sources of one agent cannot go into one view', () => {
    const second = sample.replace('pipes:   {', 'pipes:   { more: {source: mount, sender: main, view: research},');
    expect(mistakesOf(second)).toMatchObject([{path: 'pipes.research.view'}]);
  });
});

describe('YAML', () => {
  test.each([
    ['', 'f.yaml:1:1  there are no settings in it'],
    ['# only a comment\n', 'there are no settings in it'],
    ['fusion:\n\tdata: d', 'f.yaml:2:1  a tab is used for indentation; YAML allows only spaces'],
    ['fusion: {data: ${env:A}}', 'f.yaml:1:17  inside { } or [ ] a text with ${…} must be in double quotes'],
    ['fusion: {listen: [::]:80, data: d}', 'f.yaml:1:22  a closing quote, a comma'],
    ['fusion:\n  data: "x', 'f.yaml:2:11  a closing quote, a comma, or a space after ":" is missing'],
    ['fusion:\n  data: d\n listen: l', 'f.yaml:3:1  the indentation does not fit the lines above'],
    ['fusion: {}\n---\nagent: {}', 'f.yaml:2:1  a second document begins here ("---")'],
    [
      'fusion: {data: a}\nagent: {id: a, data: b}\nfusion: {data: b}',
      'f.yaml:3:1  fusion: this name stands here a second',
    ],
    ['fusion: {data: !!binary aGk=}', 'fusion.data: a YAML tag ("!…") has no meaning here'],
    ['fusion: {data: *a}', 'fusion.data: no "&a" stands above this "*a"'],
    ['fusion: &a {data: *a}', '"*a" stands inside "&a"'],
    ['just text', 'wrong kind of value; found a text; wanted a group of settings'],
    ['- a\n', 'found a list'],
  ])('%j is refused with a clear message', (text, message) => {
    expect(refused(text).message).toContain(message);
  });

  test('ignores a version that the text asks for', () => {
    expect(parse('%YAML 1.1\n---\nfusion: {data: yes, gateways: 010}').fusion).toMatchObject({
      data: 'yes',
      gateways: 10,
    });
  });

  test('aliases of aliases cannot grow without bound', () => {
    const levels = 'bcdefghi'.split('').map((name, index) => {
      const below = `*${'abcdefgh'[index]}`;
      return `${name}: &${name} [${Array.from({length: 10}, () => below).join(', ')}]`;
    });
    expect(refused(['a: &a [x, x, x]', ...levels].join('\n')).message).toContain(
      'too many settings, or nested too deep',
    );
  });

  test('deep nesting is refused, not followed', () => {
    expect(refused(`views: ${'['.repeat(200)}${']'.repeat(200)}`).message).toContain('nested too deep');
  });
});

function parse(text: string) {
  return parseConfig(text, {
    file: 'f.yaml',
    resolveEnv: name => env[name],
    readSecretFile: path => {
      if (path === '/gone') throw new Error(`${path}: it does not exist`);
      return path === '/top' ? 'top secret\n' : `secret-of-${path}\n`;
    },
  });
}

function refused(text: string): FustorError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof FustorError && error.code === 'CONFIG_INVALID') return error;
    throw error;
  }
  throw new Error('the text was accepted');
}

function mistakesOf(text: string): Mistake[] {
  return refused(text).details?.mistakes as Mistake[];
}
