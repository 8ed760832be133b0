import assert from 'node:assert/strict';
import {lstatSync, readdirSync, readFileSync} from 'node:fs';
import {request} from 'node:http';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {difference, linesOfTree} from '../../lib/tree-lines.ts';
import {until} from '../../lib/until.ts';
import {type Calls, callsOf} from './server-calls.ts';

/** Who sees the storage: the server on its own disk, two clients with an agent each, and one without. */
export type Host = 'server' | 'a' | 'b' | 'c';
export type Client = Exclude<Host, 'server'>;

/** One way of mounting. Each has its own directory of the export, its own mounts and its own view. */
export type MountKind = {name: string; title: string; options: string; cachesAttributes: boolean};

/** The parts of an answer of `…/status` and `fs/stat` that the scenarios ask for. */
export type Status = {
  data: {
    audit_completed_at: string | null;
    agents: {role: 'leader' | 'follower'; unavailable: string | null; known: number | null; scans: object[]}[];
  };
  meta: {sync: string; complete: boolean};
};
export type Stat = {size: number; realtime_at: string | null; blind_spot: boolean};

export const auditIntervalMs = 8_000;
/**
 * What no watcher saw for so long may be removed by an audit. So what goes from the tree sooner after a watcher saw it was
 * removed by a watcher's word.
 */
export const cacheWindowMs = 600_000;
/** What comes live comes within milliseconds, on a machine that is not emulated by one that does other things, too. */
const liveMs = 90_000;
/** Each question costs the emulated machine a tenth of a second that the agents would need. */
const everyMs = 700;

/** A view of one kind of mount: what the fusion says of it, and the paths under which the hosts see it. */
export class NfsView {
  readonly kind: MountKind;
  readonly #url: string;
  readonly #leaderLog: string;

  constructor(kind: MountKind, {url, leaderLog}: {url: string; leaderLog: string}) {
    this.kind = kind;
    this.#url = `${url}/api/v1/views/${kind.name}`;
    this.#leaderLog = leaderLog;
  }

  mountPoint(client: Client): string {
    return `/mnt/${this.kind.name}-${client}`;
  }

  /** The path under which a host sees a path of this view. */
  on(host: Host, path = ''): string {
    return join(host === 'server' ? '/export' : this.mountPoint(host), this.kind.name, path);
  }

  async status(): Promise<Status> {
    return JSON.parse((await get(`${this.#url}/status`)).text);
  }

  /** Undefined where the tree has nothing. */
  async stat(path: string): Promise<Stat | undefined> {
    const answer = await get(`${this.#url}/fs/stat?path=/${encodeURIComponent(path)}`);
    return answer.status === 200 ? JSON.parse(answer.text).data : undefined;
  }

  /** The tree below a path as sorted lines `/path|kind|size|time`; none where it has nothing. */
  async lines(path = ''): Promise<string[]> {
    const answer = await get(`${this.#url}/fs/tree?recursive=true&path=/${encodeURIComponent(path)}`);
    return answer.status === 200 ? linesOfTree(answer.text).lines : [];
  }

  /** What differs between the tree below a path and the server's own directory. */
  async compare(path = ''): Promise<ReturnType<typeof difference>> {
    return difference(await this.lines(path), linesOfDirectory(this.on('server', path)));
  }

  /** Waits until the tree below a path equals the server's own directory; rejects with what differs. */
  async becomes(path = '', timeoutMs = liveMs): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const different = await this.compare(path);
      if (different.count === 0) return;
      if (performance.now() > deadline) assert.fail(`after ${timeoutMs} ms ${await this.#explain(path, different)}`);
      await new Promise(resolve => setTimeout(resolve, everyMs));
    }
  }

  /** Asserts that the tree below a path equals the server's own directory now. */
  async is(path = ''): Promise<void> {
    const different = await this.compare(path);
    if (different.count > 0) assert.fail(await this.#explain(path, different));
  }

  /** Waits until a watcher's word about a path arrived that was spoken after `since`. */
  async hears(path: string, since: Date): Promise<void> {
    await until(async () => ((await this.stat(path))?.realtime_at ?? '') >= since.toISOString(), {
      timeoutMs: liveMs,
      everyMs,
      what: `a watcher's word about /${path}`,
    });
  }

  /** Waits for an audit that begins after the call, and until the view has all of it. */
  async nextAudit(timeoutMs = 30 * auditIntervalMs): Promise<void> {
    const calledAt = new Date().toISOString();
    const waiting = {timeoutMs, everyMs, what: 'an audit'};
    const {time, scan} = await until(() => this.#logged('scan begins').find(begun => begun.time > calledAt), waiting);
    await until(() => this.#logged('scan ends').some(ended => ended.scan === scan), waiting);
    await until(async () => {
      const {audit_completed_at, agents} = (await this.status()).data;
      return (audit_completed_at ?? '') > time && agents.every(({scans}) => scans.length === 0);
    }, waiting);
  }

  /** How many audits have begun. */
  get auditsBegun(): number {
    return this.#logged('scan begins').length;
  }

  /** Calls that a client's mount has made so far, by their names. */
  calls(client: Client): Calls {
    return callsOf(readFileSync('/proc/self/mountstats', 'latin1'), this.mountPoint(client));
  }

  /** What the leader's log says about its scans. */
  #logged(message: 'scan begins' | 'scan ends'): {time: string; scan: string}[] {
    return readFileSync(this.#leaderLog, 'utf8')
      .split('\n')
      .filter(line => line.includes(`"pipe":"${this.kind.name}"`) && line.includes(`"message":"${message}"`))
      .map(line => JSON.parse(line));
  }

  async #explain(path: string, {extra, missing, count}: ReturnType<typeof difference>): Promise<string> {
    const names = [...extra, ...missing].map(line => line.split('|')[0]!.slice(1));
    const known = await Promise.all(
      [...new Set(names)].map(async name => `  /${name}: ${JSON.stringify(await this.stat(join(path, name)))}`),
    );
    return [
      `the tree below /${path} is not as on the server, with ${count} differences`,
      ...extra.map(line => `  only in the tree: ${line}`),
      ...missing.map(line => `  only on the server: ${line}`),
      'what the tree knows of them:',
      ...known,
    ].join('\n');
  }
}

/** Over a connection of its own: one that is kept may be closed by the other side while this one is slow. */
function get(url: string): Promise<{status: number; text: string}> {
  const {promise, resolve, reject} = Promise.withResolvers<{status: number; text: string}>();
  const asked = request(url, {agent: false, headers: {authorization: 'Bearer key-of-the-scripts'}}, answer => {
    text(answer).then(body => resolve({status: answer.statusCode ?? 0, text: body}), reject);
  });
  asked.on('error', reject).end();
  return promise;
}

/** A directory as `linesOfTree` tells it. Here it is quicker to read it than to start a `find`. */
function linesOfDirectory(root: string): string[] {
  const line = (path: string) => {
    const stats = lstatSync(join(root, path), {bigint: true});
    const kind = stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'file';
    const nanos = String(stats.mtimeNs % 1_000_000_000n).padStart(9, '0');
    const time = `${stats.mtimeNs / 1_000_000_000n}.${nanos}`.replace(/\.?0+$/, '');
    return `/${path}|${kind}|${stats.size}|${time}`;
  };
  return ['', ...readdirSync(root, {recursive: true, encoding: 'latin1'})].map(line).sort();
}
