import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {get, type IncomingMessage} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {json} from 'node:stream/consumers';
import type {TestContext} from 'vitest';
import type {PipeStatus} from '../../core/pipe/pipe.ts';
import type {SourceStatus} from '../../core/source/source.ts';
import {ClientMount} from './client-mount.ts';
import {type AgentStatus, freePort, type Role, Site} from './site.ts';
import {until} from './until.ts';

/** As in `fustor.yaml`. */
type Settings = Record<string, string | number | boolean>;
type AgentName = `agent-${string}`;

export type SharedSiteSettings = {
  view?: Settings;
  /** Views beside `site`. */
  views?: string[];
  env?: NodeJS.ProcessEnv;
};

export type AgentSettings = {
  /** The folder that it observes for the view `site`. */
  path: string;
  /** The folders that it observes for other views. */
  others?: Record<string, string>;
  /** Where it finds the fusion, when not directly. */
  url?: string;
  pipe?: Settings;
  sender?: Settings;
  env?: NodeJS.ProcessEnv;
};

export type Stat = {
  status: number;
  data: {size: number; integrity_suspect: boolean; blind_spot: boolean; agent: string | null} | undefined;
  meta: {complete: boolean; blind_spot: number; suspect: number; seq: number};
};

/** Short, so that a case is over in seconds; audits read everything, so that each of them tells. */
const viewSettings: Settings = {cache_window: '3s', hot_file_threshold: '2s', session_timeout: '3s'};
const pipeSettings: Settings = {full_audit_every: 1};

/**
 * A fusion and several agents, as built, around one storage (`directory`). Each agent has a mount of its own, and whatever
 * is written to `directory` itself is what a host without an agent does.
 */
export class SharedSite extends Site {
  readonly #view: Settings;
  readonly #views: readonly string[];
  readonly #environments = new Map<Role, NodeJS.ProcessEnv>();
  readonly #root: string;
  readonly #mounts: ClientMount[] = [];
  readonly #agents: AgentName[] = [];

  constructor({view = {}, views = [], env = {}}: SharedSiteSettings = {}) {
    const root = mkdtempSync(join(tmpdir(), 'fustor-shared-'));
    super(join(root, 'storage'));
    this.#root = root;
    this.#view = {...viewSettings, ...view};
    this.#views = ['site', ...views];
    this.#environments.set('fusion', env);
    mkdirSync(this.directory);
  }

  /** The fusion alone. */
  override async start(): Promise<this> {
    await this.prepare();
    await this.startFusion();
    return this;
  }

  override async prepare(): Promise<void> {
    this.port = await freePort();
    const config = {
      fusion: {listen: `127.0.0.1:${this.port}`, data: './fusion', gateways: 1},
      keys: [
        {name: 'agents', role: 'agent', key: 'key-of-the-agents', views: '*'},
        {name: 'scripts', role: 'reader', key: 'key-of-the-scripts', views: ['site']},
        {name: 'others', role: 'reader', key: 'key-of-all-views', views: '*'},
      ],
      views: Object.fromEntries(this.#views.map(name => [name, {driver: 'fs', ...this.#view}])),
    };
    writeFileSync(this.config, JSON.stringify(config));
  }

  /** A mount of the storage, or of another folder. */
  async mount({storage = this.directory, cacheS = 0}: {storage?: string; cacheS?: number} = {}): Promise<ClientMount> {
    const mount = new ClientMount(storage, join(this.#root, `mount-${this.#mounts.length}`), {cacheS});
    this.#mounts.push(mount);
    return mount.mount();
  }

  /** Starts another agent and waits until the view has its session. The first one leads. */
  async addAgent(
    name: AgentName,
    {path, others = {}, url, pipe = {}, sender = {}, env = {}}: AgentSettings,
  ): Promise<void> {
    const paths = Object.entries({site: path, ...others});
    const config = {
      agent: {id: name, data: `./${name}`},
      sources: Object.fromEntries(paths.map(([view, folder]) => [view, {driver: 'fs', path: folder}])),
      senders: {main: {driver: 'fusion', url: url ?? this.url, key: 'key-of-the-agents', ...sender}},
      pipes: Object.fromEntries(
        paths.map(([view]) => [view, {source: view, sender: 'main', view, ...pipeSettings, ...pipe}]),
      ),
    };
    writeFileSync(this.configOf(name), JSON.stringify(config));
    this.#environments.set(name, env);
    this.#agents.push(name);
    this.run(name);
    await this.joined(name);
  }

  override configOf(role: Role): string {
    return role === 'fusion' ? this.config : join(this.folder, `${role}.yaml`);
  }

  override run(role: Role, options: {user?: string; env?: NodeJS.ProcessEnv} = {}): ChildProcess {
    return super.run(role, {env: this.#environments.get(role) ?? {}, ...options});
  }

  /** What the view says of an agent; undefined when it has no session. */
  async agent(name: AgentName): Promise<AgentStatus | undefined> {
    return (await this.status()).data.agents.find(({id}) => id === name);
  }

  /** Waits until the view has a session of an agent. */
  async joined(name: AgentName): Promise<AgentStatus> {
    return until(() => this.agent(name), {what: `a session of ${name}`});
  }

  /** What the process of an agent's pipe says of itself. */
  async payload(name: AgentName, pipe = 'site'): Promise<{pipe: PipeStatus; source: SourceStatus}> {
    const socketPath = join(this.folder, name, 'run', `payload-${pipe}.sock`);
    const [response] = (await once(get({socketPath, path: '/'}), 'response')) as [IncomingMessage];
    return ((await json(response)) as {data: {pipe: PipeStatus; source: SourceStatus}}).data;
  }

  /** Waits until an agent that is cut off has told its pipe what it saw: at least so many events, and no more coming. */
  async noticed(name: AgentName, events: number): Promise<void> {
    let last = 0;
    const isQuiet = async () => {
      const {queued, unconfirmed} = (await this.payload(name)).pipe;
      const before = last;
      last = queued + unconfirmed;
      return last >= events && last === before;
    };
    await until(isQuiet, {everyMs: 300, what: `${events} events of ${name}`});
  }

  async stat(path: string, view = 'site'): Promise<Stat> {
    const query = `fs/stat?path=${encodeURIComponent(path)}`;
    const {status, text} = await this.get(`/api/v1/views/${view}/${query}`, 'key-of-all-views');
    return {status, ...JSON.parse(text)};
  }

  async has(path: string, view?: string): Promise<boolean> {
    return (await this.stat(path, view)).status === 200;
  }

  /** Waits until so many audits that begin later than now are complete. */
  async audits(count = 1): Promise<void> {
    const completedAt = async () => (await this.status()).data.audit_completed_at;
    let last = await completedAt();
    // One that is under way may have looked before now.
    for (let seen = 0; seen <= count; seen++) {
      last = await until(async () => ((await completedAt()) === last ? undefined : completedAt()), {what: 'an audit'});
    }
  }

  override async dispose(): Promise<void> {
    for (const mount of this.#mounts) mount.continue();
    await Promise.all(this.#agents.map(name => this.stop(name)));
    await this.stop('fusion');
    await Promise.all(this.#mounts.map(mount => mount.dispose()));
    await super.dispose();
    rmSync(this.#root, {recursive: true, force: true});
  }
}

/** A site that runs until the test is over. */
export async function openSharedSite(
  {onTestFinished}: Pick<TestContext, 'onTestFinished'>,
  settings?: SharedSiteSettings,
): Promise<SharedSite> {
  const site = new SharedSite(settings);
  onTestFinished(() => site.dispose());
  return site.start();
}
