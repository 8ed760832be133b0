import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, openSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {until} from '../../lib/until.ts';
import {auditIntervalMs, cacheWindowMs, type MountKind, NfsView} from './nfs-view.ts';

/** In memory, so that the fusion's data is not on the storage that is observed. */
const folder = '/tmp/site';
/** A process of ours starts in a second or two in here; on a busy machine in a minute. */
const startMaxMs = 240_000;
const url = 'http://127.0.0.1:8102';

/**
 * The executables beside this program, run in the rig's virtual machine: one fusion with a view for each kind of mount, and
 * the agents a and b, each on mounts of its own client. Their logs are `OUT/*.log`.
 */
export class NfsSite {
  readonly views: readonly NfsView[];
  readonly #processes: ChildProcess[] = [];

  constructor(kinds: readonly MountKind[]) {
    this.views = kinds.map(kind => new NfsView(kind, {url, leaderLog: logOf('agent-a')}));
  }

  /** Mounts. The clients c have no agent; they are the rig's client b once more, with a mount and caches of their own. */
  mount(): void {
    for (const view of this.views) {
      mkdirSync(view.on('server'), {recursive: true});
      for (const host of ['a', 'b', 'c'] as const) {
        const client = host === 'a' ? 'a' : 'b';
        execFileSync('nfsmnt', [client, view.mountPoint(host), ...(view.kind.options ? [view.kind.options] : [])]);
      }
    }
  }

  /** The fusion, then agent a, and agent b only when a leads and has told everything. */
  async start(): Promise<void> {
    mkdirSync(folder, {recursive: true});
    this.#run('fusion', 'fusion', this.#fusionConfig());
    await until(
      () =>
        fetch(`${url}/livez`)
          .then(({ok}) => ok)
          .catch(() => false),
      {timeoutMs: startMaxMs, everyMs: 500, what: 'an answer of the fusion'},
    );
    this.#run('agent-a', 'agent', this.#agentConfig('a'));
    await this.#each(async view => (await view.status()).meta.sync === 'live', 'every view to be live');
    this.#run('agent-b', 'agent', this.#agentConfig('b'));
    await this.#each(async view => {
      const {agents} = (await view.status()).data;
      return agents.some(({role, known}) => role === 'follower' && known !== null);
    }, 'agent b to watch everything');
  }

  async stop(): Promise<void> {
    for (const child of this.#processes.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }

  async #each(condition: (view: NfsView) => Promise<boolean>, what: string): Promise<void> {
    const isTrue = async () => (await Promise.all(this.views.map(condition))).every(Boolean);
    await until(isTrue, {timeoutMs: startMaxMs, everyMs: 500, what});
  }

  #run(name: string, role: 'fusion' | 'agent', config: object): void {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, JSON.stringify(config)); // JSON is YAML
    const log = openSync(logOf(name), 'a');
    this.#processes.push(spawn(`./fustor-${role}`, ['--config', file], {stdio: ['ignore', log, log]}));
  }

  #fusionConfig(): object {
    const views = this.views.map(({kind}) => [
      kind.name,
      {cache_window: `${cacheWindowMs}ms`, hot_file_threshold: '5s', session_timeout: '2m'},
    ]);
    return {
      fusion: {listen: url.slice('http://'.length), data: join(folder, 'fusion'), gateways: 1},
      keys: [
        {name: 'agents', role: 'agent', key: 'key-of-the-agents', views: '*'},
        {name: 'scripts', role: 'reader', key: 'key-of-the-scripts', views: '*'},
      ],
      views: Object.fromEntries(views),
    };
  }

  #agentConfig(host: 'a' | 'b'): object {
    const named = (value: (view: NfsView) => object) =>
      Object.fromEntries(this.views.map(view => [view.kind.name, value(view)]));
    return {
      agent: {id: `node-${host}`, data: join(folder, `agent-${host}`)},
      sources: named(view => ({path: view.on(host), walkers: 1})),
      senders: {main: {url, key: 'key-of-the-agents'}},
      pipes: named(({kind: {name}}) => ({
        source: name,
        sender: 'main',
        view: name,
        audit_interval: `${auditIntervalMs}ms`,
        full_audit_every: 1, // a write in place changes no directory
        sentinel_interval: '10s',
      })),
    };
  }
}

function logOf(name: string): string {
  return join(process.env.OUT ?? '.', `${name}.log`);
}
