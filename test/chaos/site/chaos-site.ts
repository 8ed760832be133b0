import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {requestUnix} from '../../../cmd/unix-socket.ts';
import {makeTree} from '../../lib/make-tree.ts';
import {freePort} from '../../lib/site.ts';
import {difference, linesOfFind, linesOfTree} from '../../lib/tree-lines.ts';
import {until} from '../../lib/until.ts';
import {handles, type Kind, type Process, processesIn} from './census.ts';
import {HeldSocket} from './held-socket.ts';
import {Service} from './service.ts';
import {SmallDisk} from './small-disk.ts';

const dist = join(import.meta.dirname, '../../../dist');
const agentKey = 'key-of-the-agents';
const readerKey = 'key-of-the-scripts';
const gateways = 2;

export type Role = 'agent' | 'fusion';
export const partsOf: Record<Role, Kind[]> = {agent: ['payload'], fusion: ['engine', 'gateway', 'controller']};
/** Who holds the listening socket: fusion's shell, or what starts the shell, as systemd does. */
export type SocketHolder = 'shell' | 'supervisor';
export type ChaosSiteSettings = {files: number; holder: SocketHolder};

type Status = {
  data: {agents: {id: string; session: string; role: string; unavailable: string | null}[]};
  meta: {sync: string};
};

/**
 * A fusion and an agent on one storage, kept running as a host's systemd would. The executables are copies in the site's own
 * folder: they can be replaced, and every process that was started from them can be found.
 */
export class ChaosSite {
  readonly folder = mkdtempSync(join(tmpdir(), 'fustor-chaos-'));
  readonly storage = join(this.folder, 'storage');
  readonly disk: SmallDisk;
  readonly holder: SocketHolder;
  readonly services: Record<Role, Service>;
  readonly port: number;
  readonly config: {fusion: ReturnType<typeof fusionConfig>; agent: ReturnType<typeof agentConfig>};
  readonly #socket: HeldSocket | undefined;
  #markers = 0;

  static async open(settings: ChaosSiteSettings): Promise<ChaosSite> {
    return new ChaosSite(settings, await freePort());
  }

  private constructor({files, holder}: ChaosSiteSettings, port: number) {
    this.port = port;
    this.holder = holder;
    for (const name of ['bin', 'storage/markers', 'storage/storm']) {
      mkdirSync(join(this.folder, name), {recursive: true});
    }
    makeTree(join(this.storage, 'base'), files);
    this.disk = new SmallDisk(join(this.folder, 'fusion'), {mebibytes: 128 + Math.ceil(files / 1_000)});
    this.config = {fusion: fusionConfig(port), agent: agentConfig(port, this.storage)};
    for (const role of ['fusion', 'agent'] as const) {
      this.replaceExecutable(role);
      this.writeConfig(role);
    }
    if (holder === 'supervisor') this.#socket = new HeldSocket(port);
    this.services = {agent: this.#service('agent'), fusion: this.#service('fusion')};
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get key(): string {
    return readerKey;
  }

  async startFusion(): Promise<void> {
    this.services.fusion.start();
    await until(
      () =>
        this.get('/livez').then(
          ({status}) => status === 200,
          () => false,
        ),
      {what: 'an answer of the fusion'},
    );
  }

  /** `more` is written as well, this once. */
  writeConfig(role: Role, more: object = {}): void {
    const file = this.#configOf(role);
    writeFileSync(`${file}.new`, JSON.stringify({...this.config[role], ...more}, undefined, 2));
    renameSync(`${file}.new`, file);
  }

  /** As an upgrade does it: another file takes the place of the executable, which goes on running. */
  replaceExecutable(role: Role): void {
    const file = this.#executableOf(role);
    copyFileSync(join(dist, `fustor-${role}`), `${file}.new`);
    renameSync(`${file}.new`, file);
  }

  processes(...wanted: Kind[]): Process[] {
    const found = processesIn(join(this.folder, 'bin'));
    return wanted.length === 0 ? found : found.filter(({kind}) => wanted.includes(kind));
  }

  /** What is not as it should be with the processes; undefined when all that should run do. */
  incomplete(): string | undefined {
    const expected: Record<Kind, number> = {
      'agent-shell': 1,
      payload: 1,
      'fusion-shell': 1,
      engine: 1,
      gateway: gateways,
      controller: 1,
    };
    const found = this.processes();
    const wrong = Object.entries(expected).flatMap(([kind, count]) => {
      const running = found.filter(one => one.kind === kind).length;
      return running === count ? [] : [`${running} ${kind} instead of ${count}`];
    });
    for (const role of ['agent', 'fusion'] as const)
      if (!this.isUp(role)) wrong.push(`the shell of the ${role} starts`);
    return wrong.length === 0 ? undefined : wrong.join(', ');
  }

  /** Whether its shell runs and can be told something. */
  isUp(role: Role): boolean {
    const {pid} = this.services[role];
    return pid !== undefined && handles(pid, 'SIGHUP', 'SIGUSR2', 'SIGTERM');
  }

  async get(path: string, key = readerKey): Promise<{status: number; text: string}> {
    const response = await fetch(`${this.url}${path}`, {
      headers: {authorization: `Bearer ${key}`, connection: 'close'},
      signal: AbortSignal.timeout(60_000),
    });
    return {status: response.status, text: await response.text()};
  }

  async status(): Promise<Status> {
    return JSON.parse((await this.get('/api/v1/status')).text);
  }

  async leaderSession(): Promise<string | undefined> {
    return (await this.status()).data.agents.find(({role}) => role === 'leader')?.session;
  }

  /** Resolves when all parts run, the view is live and a change that is made now is seen: in milliseconds. */
  async recovered(timeoutMs = 150_000): Promise<number> {
    const startedAt = performance.now();
    const marker = `/markers/marker-${this.#markers++}`;
    writeFileSync(join(this.storage, marker), 'x');
    let missing = '';
    const isRecovered = async () => {
      missing = await this.#missing(marker).catch(error => String(error));
      return missing === '';
    };
    await until(isRecovered, {timeoutMs, everyMs: 50, what: 'recovery'}).catch(async error => {
      await this.#keepHealth();
      throw new Error(`not recovered within ${timeoutMs} ms: ${missing}`, {cause: error});
    });
    return performance.now() - startedAt;
  }

  /** Waits until the view equals the storage, and resolves to the number of entries; rejects with what differs. */
  async same(timeoutMs = 120_000): Promise<number> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const {lines} = linesOfTree((await this.get('/api/v1/fs/tree?recursive=true')).text);
      const wanted = await linesOfFind(this.storage);
      const different = difference(lines, wanted);
      if (different.count === 0) return wanted.length;
      if (performance.now() > deadline) throw new Error(`the view differs: ${JSON.stringify(different, undefined, 1)}`);
      await new Promise(resolve => setTimeout(resolve, 500));
    }
  }

  /** Ends everything; resolves to the exit codes. */
  async stop(): Promise<Record<Role, number | null>> {
    return {agent: await this.services.agent.stop(), fusion: await this.services.fusion.stop()};
  }

  async dispose({keep = false} = {}): Promise<void> {
    await this.stop();
    for (const {pid} of this.processes()) process.kill(pid, 'SIGKILL');
    this.#socket?.close();
    if (keep) this.disk.copyTo(join(this.folder, 'fusion-at-the-end'));
    this.disk.remove();
    if (keep) return;
    rmSync(this.folder, {recursive: true, force: true});
  }

  /** What every part says of itself, some times in a row, for whoever asks why nothing goes on: `health.jsonl`. */
  async #keepHealth(): Promise<void> {
    const runs = [join(this.folder, 'agent/run'), join(this.folder, 'fusion/data/run')];
    for (let i = 0; i < 8; i++) {
      for (const socket of runs.flatMap(socketsIn)) {
        const request = {socket, method: 'GET', path: '/health', timeoutMs: 2_000};
        const health = await requestUnix(request).then(({body}) => JSON.parse(body.toString()), String);
        const line = JSON.stringify({at: new Date().toISOString(), socket, health});
        appendFileSync(join(this.folder, 'health.jsonl'), `${line}\n`);
      }
      await sleep(700);
    }
  }

  async #missing(marker: string): Promise<string> {
    const incomplete = this.incomplete();
    if (incomplete !== undefined) return incomplete;
    const {sync} = (await this.status()).meta;
    if (sync !== 'live') return `the view is ${sync}`;
    const {status} = await this.get(`/api/v1/fs/stat?path=${marker}`);
    return status === 200 ? '' : `a new file is a ${status}`;
  }

  #service(role: Role): Service {
    const command = [this.#executableOf(role), '--config', this.#configOf(role)];
    const log = join(this.folder, `${role}.log`);
    const socket = role === 'fusion' && this.#socket ? {socket: this.#socket.descriptor} : {};
    return new Service({command, log, ...socket});
  }

  #executableOf(role: Role): string {
    return join(this.folder, 'bin', `fustor-${role}`);
  }

  #configOf(role: Role): string {
    return join(this.folder, `${role}.yaml`);
  }
}

function socketsIn(run: string): string[] {
  return readdirSync(run)
    .filter(name => name.endsWith('.sock'))
    .map(name => join(run, name));
}

/** Short times, so that what is to be found by an audit is found soon; the cache window is for a local disk. */
function fusionConfig(port: number) {
  return {
    fusion: {
      ...{listen: `127.0.0.1:${port}`, data: './fusion/data', gateways, embed_controller: true},
      client_timeout: '2m',
    },
    keys: [
      {name: 'agents', role: 'agent', key: agentKey, views: ['site']},
      {name: 'scripts', role: 'reader', key: readerKey, views: ['site']},
    ],
    views: {site: {cache_window: '3s', hot_file_threshold: '2s', session_timeout: '10s'}},
  };
}

function agentConfig(port: number, storage: string) {
  return {
    // Payloads are killed more often than a healthy one dies: none is to be given up.
    agent: {
      id: 'node-a',
      data: './agent',
      control_plane_uri: `http://127.0.0.1:${port}`,
      auth_token: agentKey,
      supervision: {quarantine_deaths: 1_000_000},
    },
    sources: {storage: {path: storage}},
    senders: {main: {url: `http://127.0.0.1:${port}`, key: agentKey}},
    pipes: {
      site: {
        source: 'storage',
        sender: 'main',
        view: 'site',
        audit_interval: '20s',
        full_audit_every: 2,
        sentinel_interval: '5s',
      },
    },
  };
}
