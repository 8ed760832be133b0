import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {hash, X509Certificate} from 'node:crypto';
import {once} from 'node:events';
import {appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {get as httpGet} from 'node:http';
import {get as httpsGet} from 'node:https';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {sha256} from '../../cmd/node/first-contact.ts';
import {readRecords} from '../../cmd/shell/part-record.ts';
import {ClientMount} from './client-mount.ts';
import {freePort} from './site.ts';
import {difference, linesOfFind, linesOfTree} from './tree-lines.ts';
import {until} from './until.ts';

const dist = join(import.meta.dirname, '../../dist');
const adminKey = 'key-of-the-administrator';
const readerKey = 'key-of-the-scripts';

export type Ended = {status: number | null; stdout: string; stderr: string};
/** Which storage an agent sees, and through a mount of its own or not. */
export type AgentPlan = {storage: string; isMounted?: boolean};
export type FleetPlan = {
  /** Each serves the view that is called as its storage. */
  fusions: Record<string, {storage: string}>;
  agents: Record<string, AgentPlan>;
  /** The controller has no repository: the desired state is brought by `fustorctl apply`. */
  isWithoutGit?: boolean;
  /** The controller speaks TLS, with certificates that are good for so long; nodes know its authority by `ca_sha256`. */
  certificateLifetime?: string;
};
/** `fusion`: asks it as a script does; `key`: another one than the administrator's. */
type Call = {fusion?: string; key?: string; ca?: boolean; env?: NodeJS.ProcessEnv; input?: string};

/**
 * A controller, with or without Git, fusions and agents, as built. Nodes know three lines: who they are, where the controller is, and
 * what to show it. Everything else is ordered by commits and by `fustorctl`, as an administrator does it.
 */
export class Fleet {
  readonly folder = mkdtempSync(join(tmpdir(), 'fustor-fleet-'));
  readonly #plan: FleetPlan;
  readonly #ports = new Map<string, number>();
  readonly #processes = new Map<string, ChildProcess>();
  readonly #mounts = new Map<string, ClientMount>();
  #controllerPort = 0;

  constructor(plan: FleetPlan) {
    this.#plan = plan;
  }

  /** The administrator's clone of the repository, or without Git his folder. */
  get repository(): string {
    return join(this.folder, 'clone');
  }

  get controllerUrl(): string {
    return `${this.#isTls ? 'https' : 'http'}://127.0.0.1:${this.#controllerPort}`;
  }

  get #isTls(): boolean {
    return this.#plan.certificateLifetime !== undefined;
  }

  /** Of the controller's certificate authority, PEM. */
  get ca(): string {
    return join(this.folder, 'controller', 'ca.pem');
  }

  get caSha256(): string {
    return sha256(new X509Certificate(readFileSync(this.ca)));
  }

  /** Makes the storages and the mounts, starts the controller, and brings the whole site to it. */
  async prepare(): Promise<void> {
    this.#controllerPort = await freePort();
    for (const name of Object.keys(this.#plan.fusions)) this.#ports.set(name, await freePort());
    for (const storage of this.#storages()) mkdirSync(this.storage(storage), {recursive: true});
    for (const [name, {storage, isMounted}] of Object.entries(this.#plan.agents)) {
      if (!isMounted) continue;
      const mount = new ClientMount(this.storage(storage), join(this.folder, 'mounts', name));
      this.#mounts.set(name, await mount.mount());
    }
    const origin = join(this.folder, 'origin.git');
    const files = {...this.#siteFiles(), ...this.#agentFiles()};
    const {isWithoutGit} = this.#plan;
    if (isWithoutGit) {
      this.#write(files);
    } else {
      this.#git('init', '--quiet', '--bare', '--initial-branch=main', origin);
      this.#git('clone', '--quiet', origin, this.repository);
      this.#git('-C', this.repository, 'switch', '--quiet', '--orphan', 'main');
      this.commit('The whole site', files);
    }
    writeFileSync(
      join(this.folder, 'controller.yaml'),
      `controller:
  listen: 127.0.0.1:${this.#controllerPort}
  data: ./controller
${this.#isTls ? `  tls: { certificate_lifetime: ${this.#plan.certificateLifetime} }\n` : ''}${isWithoutGit ? '' : `  git: { url: ${JSON.stringify(origin)}, branch: main, interval: 1h }\n`}keys:
  - { name: root, role: admin, key: ${adminKey}, views: "*" }
`,
      {mode: 0o600},
    );
    await this.startController();
    if (isWithoutGit) await this.ask('apply', '-f', this.repository, '-m', 'The whole site');
  }

  async startController(): Promise<void> {
    this.#spawn('controller', ['fustor-controller', '--config', join(this.folder, 'controller.yaml')]);
    await until(() => this.#isAlive(), {what: 'an answer of the controller'});
  }

  /** Enrols all fusions and agents with tokens from `fustorctl`, and starts them. */
  async enrolAll(): Promise<void> {
    const {fusions, agents} = this.#plan;
    const ofFusions = await this.enrolToken('fusion', Object.keys(fusions).length);
    const ofAgents = await this.enrolToken('agent', Object.keys(agents).length);
    for (const name of Object.keys(fusions)) {
      const listen = `127.0.0.1:${this.#ports.get(name)}`;
      this.startWith(name, {fusion_id: name, auth_token: ofFusions, listen});
    }
    for (const name of Object.keys(agents)) this.startWith(name, {agent_id: name, auth_token: ofAgents});
  }

  /** A new one from `fustorctl`. */
  async enrolToken(role: 'agent' | 'fusion', uses = 1): Promise<string> {
    const {data} = await this.ask('enroll-token', 'create', '--role', role, '--ttl', '1h', '--uses', String(uses));
    return (data as {token: string}).token;
  }

  /** Starts a node, also one that is not planned, with this bootstrap file; where the controller is need not be said. */
  startWith(name: string, lines: Record<string, string>): void {
    const folder = join(this.folder, 'nodes', name);
    const usual = {
      control_plane_uri: this.controllerUrl,
      data: './data',
      ...(this.#isTls && {ca_sha256: this.caSha256}),
    };
    mkdirSync(folder, {recursive: true});
    writeFileSync(join(folder, 'bootstrap.yaml'), JSON.stringify({...usual, ...lines}), {mode: 0o600});
    this.start(name);
  }

  /** Starts a node. */
  start(name: string): void {
    const program = name in this.#plan.fusions ? 'fustor-fusion' : 'fustor-agent';
    this.#spawn(name, [program, '--bootstrap', join(this.folder, 'nodes', name, 'bootstrap.yaml')]);
  }

  storage(name: string): string {
    return join(this.folder, 'storages', name);
  }

  /** Where an agent sees its storage. */
  mount(name: string): string {
    return this.#mounts.get(name)?.path ?? this.storage(this.#plan.agents[name]!.storage);
  }

  /** The data directory of a node. */
  data(name: string): string {
    return join(this.folder, 'nodes', name, 'data');
  }

  log(name: string): string {
    return readFileSync(join(this.folder, `${name}.log`), 'utf8');
  }

  /** Numbers of a node's processes: `shell` and its parts by name. */
  pids(name: string): Record<string, number> {
    const parts = readRecords(join(this.data(name), 'run')).map(({name, pid}) => [name, pid] as const);
    return {shell: this.#processes.get(name)!.pid!, ...Object.fromEntries(parts)};
  }

  /** What an agent's own file says; `source` and `pipe` add settings. */
  agentFile(
    name: string,
    {path, source = '', pipe = ''}: {path?: string; source?: string; pipe?: string} = {},
  ): string {
    const {storage} = this.#plan.agents[name]!;
    const root = path ?? this.mount(name);
    const fusion = Object.entries(this.#plan.fusions).find(([, one]) => one.storage === storage)![0];
    return `agent: { id: ${name}, supervision: { soak: 2s } }
sources: { mount: { path: ${JSON.stringify(root)} ${source} } }
senders: { main: { fusion: ${fusion} } }
pipes: { ${storage}: { source: mount, sender: main, view: ${storage} ${pipe} } }
`;
  }

  /** Writes files (null: removes), commits and pushes. Returns the commit. */
  commit(message: string, files: Record<string, string | null>): string {
    this.#write(files);
    this.#git('-C', this.repository, 'add', '--all');
    this.#git('-C', this.repository, 'commit', '--quiet', '--message', message);
    this.#git('-C', this.repository, 'push', '--quiet', 'origin', 'main');
    return this.#git('-C', this.repository, 'rev-parse', 'HEAD').trim();
  }

  /** As the administrator; asks the controller, or with `fusion` that fusion; `ca`: knows its authority. */
  async fustorctl(args: readonly string[], {input, ...call}: Call = {}): Promise<Ended> {
    const child = this.startFustorctl(args, call);
    const ended: Ended = {status: null, stdout: '', stderr: ''};
    child.stdout!.on('data', chunk => (ended.stdout += chunk));
    child.stderr!.on('data', chunk => (ended.stderr += chunk));
    child.stdin!.on('error', () => {}).end(input);
    await once(child, 'close');
    return {...ended, status: child.exitCode};
  }

  /** One that goes on until it is ended. */
  startFustorctl(
    args: readonly string[],
    {fusion, key, ca = this.#isTls, env}: Omit<Call, 'input'> = {},
  ): ChildProcess {
    const own =
      fusion === undefined
        ? {FUSTOR_CONTROLLER: this.controllerUrl, FUSTOR_ENDPOINT: this.controllerUrl, FUSTOR_KEY: key ?? adminKey}
        : {FUSTOR_ENDPOINT: this.url(fusion), FUSTOR_KEY: key ?? readerKey};
    return spawn(join(dist, 'fustorctl'), args, {
      env: {...own, ...(ca && {FUSTOR_CA: this.ca}), ...env},
      stdio: 'pipe',
    });
  }

  /** The JSON that a command prints; rejects when it fails. */
  async ask(...args: string[]): Promise<{data: unknown}> {
    const {status, stdout, stderr} = await this.fustorctl([...args, '-o', 'json']);
    if (status !== 0) throw new Error(`fustorctl ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
    return JSON.parse(stdout);
  }

  url(fusion: string): string {
    return `http://127.0.0.1:${this.#ports.get(fusion)}`;
  }

  /** One question to a fusion, as a script asks it. */
  async get(fusion: string, path: string, key = readerKey): Promise<{status: number; text: string}> {
    const response = await fetch(`${this.url(fusion)}${path}`, {headers: {authorization: `Bearer ${key}`}});
    return {status: response.status, text: await response.text()};
  }

  /** Waits until a fusion's view equals its storage. */
  async same(fusion: string, timeoutMs = 30_000): Promise<void> {
    const {storage} = this.#plan.fusions[fusion]!;
    const wanted = await linesOfFind(this.storage(storage));
    let last: unknown;
    const isSame = async () => {
      const path = `/api/v1/views/${storage}/fs/tree?recursive=true`;
      // While its shell is started again nothing listens.
      const {status, text} = await this.get(fusion, path).catch(error => ({status: 0, text: String(error.cause)}));
      const different = status === 200 ? difference(linesOfTree(text).lines, wanted) : undefined;
      last = different ?? {status, text};
      return different?.count === 0;
    };
    await until(isSame, {timeoutMs, everyMs: 100, what: `the view of ${fusion} to be as its storage`}).catch(error => {
      throw new Error(`${error.message}: ${JSON.stringify(last)}`);
    });
  }

  /** Ends one node or the controller; resolves to its exit code. */
  async end(name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#processes.get(name);
    if (!child) return null;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, 'exit');
    }
    return child.exitCode;
  }

  async dispose(): Promise<void> {
    for (const name of [...this.#processes.keys()].reverse()) await this.end(name);
    for (const mount of this.#mounts.values()) await mount.dispose();
    rmSync(this.folder, {recursive: true, force: true});
  }

  /** Writes files of the site (null: removes). */
  #write(files: Record<string, string | null>): void {
    for (const [path, text] of Object.entries(files)) {
      const file = join(this.repository, path);
      mkdirSync(dirname(file), {recursive: true});
      if (text === null) rmSync(file);
      else writeFileSync(file, text);
    }
  }

  #siteFiles(): Record<string, string> {
    const fusions = Object.keys(this.#plan.fusions).map(
      name => `  ${name}: { url: "${this.url(name)}", gateways: 1, supervision: { soak: 2s } }`,
    );
    const views = Object.entries(this.#plan.fusions).map(
      ([name, {storage}]) => `  ${storage}: { datastore: ${storage}, fusion: ${name}, session_timeout: 5s }`,
    );
    const datastores = [...this.#storages()].map(storage => `  ${storage}: { description: "Storage ${storage}" }`);
    const sha256 = hash('sha256', readerKey);
    return {
      'site/fusions.yaml': `fusions:\n${fusions.join('\n')}\n`,
      'site/views.yaml': `datastores:\n${datastores.join('\n')}\nviews:\n${views.join('\n')}\n`,
      'site/keys.yaml': `keys:\n  scripts: { role: reader, views: "*", sha256: ${sha256} }\n`,
    };
  }

  #agentFiles(): Record<string, string> {
    const names = Object.keys(this.#plan.agents);
    return Object.fromEntries(names.map(name => [`agents/${name}.yaml`, this.agentFile(name)]));
  }

  #storages(): Set<string> {
    return new Set(Object.values(this.#plan.fusions).map(({storage}) => storage));
  }

  #isAlive(): Promise<boolean> {
    const get = this.#isTls ? httpsGet : httpGet;
    return new Promise(resolve => {
      get(`${this.controllerUrl}/livez`, {rejectUnauthorized: false} as object, response => {
        response.resume();
        resolve(response.statusCode === 200);
      }).on('error', () => resolve(false));
    });
  }

  #spawn(name: string, [program, ...args]: string[]): void {
    const log = join(this.folder, `${name}.log`);
    appendFileSync(log, '');
    const command = ['-c', 'exec 2>>"$0"; exec "$@"', log, join(dist, program!), ...args];
    this.#processes.set(name, spawn('/bin/sh', command, {stdio: 'ignore'}));
  }

  #git(...args: string[]): string {
    const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org'];
    return execFileSync('git', [...who, ...args], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']});
  }
}
