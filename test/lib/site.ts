import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {readRecords} from '../../cmd/shell/part-record.ts';
import {difference, linesOfFind, linesOfTree} from './tree-lines.ts';
import {until} from './until.ts';

const dist = join(import.meta.dirname, '../../dist');

export type Role = 'fusion' | 'agent' | `agent-${string}`;

export type AgentStatus = {
  id: string;
  session: string;
  role: string;
  unavailable: string | null;
  watched: number | null;
  known: number | null;
  gaps: number;
};
export type Status = {
  data: {audit_completed_at: string | null; agents: AgentStatus[]} & Record<string, unknown>;
  meta: {
    sync: string;
    complete: boolean;
    seq: number;
    leader: string | null;
    suspect: number;
    blind_spot: number;
  } & Record<string, unknown>;
};

/** A fusion and an agent, as built, on one directory, with everything they write in a temporary folder. */
export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'fustor-site-'));
  readonly directory: string;
  readonly settings: string;
  port = 0;
  #processes = new Map<Role, ChildProcess>();

  constructor(directory: string, settings: {view?: string; pipe?: string; source?: string} = {}) {
    this.directory = directory;
    this.settings = JSON.stringify(settings);
    this.#settings = settings;
  }
  readonly #settings: {view?: string; pipe?: string; source?: string};

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get config(): string {
    return join(this.folder, 'fustor.yaml');
  }

  async start(): Promise<this> {
    await this.prepare();
    await this.startFusion();
    this.run('agent');
    return this;
  }

  /** Writes the configuration, and starts nothing. */
  async prepare(): Promise<void> {
    this.port = await freePort();
    const {view = '', pipe = '', source = ''} = this.#settings;
    writeFileSync(
      this.config,
      `fusion:  { listen: "127.0.0.1:${this.port}", data: ./fusion }
keys:
  - { name: agents,  role: agent,  key: key-of-the-agents,  views: [site] }
  - { name: scripts, role: reader, key: key-of-the-scripts, views: [site] }
views:   { site: { driver: fs ${view} } }
agent:   { id: node-a, data: ./agent }
sources: { mount: { driver: fs, path: ${JSON.stringify(this.directory)} ${source} } }
senders: { main: { driver: fusion, url: "${this.url}", key: key-of-the-agents } }
pipes:   { site: { source: mount, sender: main, view: site ${pipe} } }
`,
    );
  }

  async startFusion(): Promise<void> {
    this.run('fusion');
    await until(
      () =>
        this.get('/livez').then(
          ({status}) => status === 200,
          () => false,
        ),
      {what: 'an answer of the fusion'},
    );
  }

  /** The file that the program of this role is started with. */
  configOf(_role: Role): string {
    return this.config;
  }

  /** As root, also as another user; `env` is added to the environment. */
  run(role: Role, {user, env = {}}: {user?: string; env?: NodeJS.ProcessEnv} = {}): ChildProcess {
    const log = join(this.folder, `${role}.log`);
    const program = [join(dist, role === 'fusion' ? 'fustor-fusion' : 'fustor-agent'), '--config', this.configOf(role)];
    const command = user === undefined ? program : ['setpriv', `--reuid=${user}`, '--clear-groups', ...program];
    const child = spawn('/bin/sh', ['-c', 'exec 2>>"$0"; exec "$@"', log, ...command], {
      stdio: 'ignore',
      env: {...process.env, ...env},
    });
    this.#processes.set(role, child);
    return child;
  }

  log(role: Role): string {
    return readFileSync(join(this.folder, `${role}.log`), 'utf8');
  }

  async get(path: string, key = 'key-of-the-scripts'): Promise<{status: number; text: string}> {
    const response = await fetch(`${this.url}${path}`, {headers: {authorization: `Bearer ${key}`}});
    return {status: response.status, text: await response.text()};
  }

  async status(): Promise<Status> {
    return JSON.parse((await this.get('/api/v1/status')).text);
  }

  /** Waits until a first snapshot is complete. */
  async live(timeoutMs = 60_000): Promise<void> {
    await until(async () => (await this.status()).meta.sync === 'live', {
      timeoutMs,
      everyMs: 50,
      what: 'the view to be live',
    });
  }

  /** What differs between the directory, as `find` tells it, and the view; count 0 when they are the same. */
  async compare(): Promise<ReturnType<typeof difference> & {entries: number}> {
    const {text} = await this.get('/api/v1/fs/tree?recursive=true');
    const {lines} = linesOfTree(text);
    const wanted = await linesOfFind(this.directory);
    return {...difference(lines, wanted), entries: wanted.length};
  }

  /** Waits until the view equals the directory; rejects with what differs. */
  async same(timeoutMs = 20_000): Promise<number> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const {entries, ...different} = await this.compare();
      if (different.count === 0) return entries;
      if (performance.now() > deadline) throw new Error(`the view differs: ${JSON.stringify(different, undefined, 1)}`);
      await new Promise(resolve => setTimeout(resolve, 250));
    }
  }

  /** Numbers of all processes of a role: its shell and the parts that it recorded. */
  pids(role: Role): number[] {
    const parts = readRecords(join(this.folder, role, 'run')).map(({pid}) => pid);
    return [this.#processes.get(role)?.pid, ...parts].filter(pid => pid !== undefined);
  }

  partPid(role: Role, part: string): number {
    const record = readRecords(join(this.folder, role, 'run')).find(({name}) => name === part);
    if (!record) throw new Error(`The ${role} has no part ${part}.`);
    return record.pid;
  }

  /** `kill -9` of the shell and every part of it, at once. */
  async kill(role: Role): Promise<void> {
    const child = this.#processes.get(role)!;
    const pids = this.pids(role);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /** SIGTERM; resolves to the exit code. */
  async stop(role: Role): Promise<number | null> {
    const child = this.#processes.get(role);
    if (!child) return null;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    return child.exitCode;
  }

  async dispose(): Promise<void> {
    await this.stop('agent');
    await this.stop('fusion');
    rmSync(this.folder, {recursive: true, force: true});
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as {port: number};
  server.close();
  await once(server, 'close');
  return port;
}
