// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {closeSync, mkdirSync, openSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {doctorWith} from '../../cmd/ctl/commands/doctor.ts';
import {type HostFacts, hostFacts} from '../../cmd/ctl/doctor/host-facts.ts';
import {runVerb} from '../../cmd/ctl/verb.ts';
import {processState} from '../../cmd/shell/process-table.ts';
import {version} from '../../cmd/version.ts';
import {ScriptProcess} from './script-process.ts';
import {temporaryFolder} from './temporary-folder.ts';
import {until} from './until.ts';

export type Finding = {subject: string; problem: string; remedy: string; severity: string};
type Result = {check: string; state: string; findings: Finding[]};
type Shell = {parts?: object[]; config?: object; version?: string; limit?: number};

/** A folder in which real faults of a host are seeded, and `fustorctl doctor` looks for them. */
export class DoctorHost {
  readonly #folder = temporaryFolder();
  /** Others may run tests on this machine, too: only these processes are seen. */
  readonly #processes = new Set([process.pid]);
  readonly #cleanups: (() => unknown)[] = [() => this.#folder.remove()];
  /** Of an agent, without anything wrong but that it does not run. */
  readonly data = join(this.#folder.path, 'data');

  constructor() {
    mkdirSync(join(this.data, 'run'), {recursive: true, mode: 0o700});
    writeFileSync(join(this.data, 'agent.lock'), '');
  }

  get folder(): string {
    return this.#folder.path;
  }

  sees(pid: number): void {
    this.#processes.add(pid);
  }

  /** At the end, the last first. */
  atEnd(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  async remove(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }

  async examine(args: string[], facts: Partial<HostFacts> = {}, form = 'json') {
    let [out, err] = ['', ''];
    const processNumbers = () => hostFacts.processNumbers().filter(pid => this.#processes.has(pid));
    const exit = await runVerb(doctorWith({...hostFacts, processNumbers, ...facts}), [...args, '-o', form], {
      env: {PATH: process.env.PATH},
      isTerminal: false,
      write: async text => {
        out += text;
      },
      notice: text => {
        err += text;
      },
    });
    return {exit, out, err, results: form === 'json' ? (JSON.parse(out).data as Result[]) : []};
  }

  /** Of one check. */
  async findings(check: string, args: string[], facts: Partial<HostFacts> = {}): Promise<Finding[]> {
    return findingsOf(check, (await this.examine(args, {isClockSynchronised: () => true, ...facts})).results);
  }

  write(name: string, text: string): string {
    writeFileSync(join(this.folder, name), text, {mode: 0o600});
    return join(this.folder, name);
  }

  agentConfig(controller = 'http://127.0.0.1:1', source?: string): string {
    const sources = source === undefined ? '' : `sources: {s: {path: "${source}"}}\n`;
    const agent = `agent: {id: node-a, data: ./data, control_plane_uri: "${controller}", auth_token: token-of-node}\n`;
    return this.write('fustor.yaml', agent + sources);
  }

  /** What has the lock of a shell, and says nothing. */
  lockOnly(): Promise<ScriptProcess> {
    return this.#script("setInterval(() => {}, 1000); console.log('locked');");
  }

  /** A shell as it answers on its socket. */
  async shell({parts = [], config = {state: 'running'}, version: own = version, limit}: Shell = {}): Promise<number> {
    const answer = {part: 'shell', version: own, config, parts};
    const script = await this.#script(`
      import {createServer} from 'node:http';
      const answer = {data: {...${JSON.stringify(answer)}, pid: process.pid}};
      const server = createServer((_, response) => response.end(JSON.stringify(answer)));
      server.listen(${JSON.stringify(join(this.data, 'run/shell.sock'))}, () => console.log('here'));
    `);
    if (limit !== undefined) execFileSync('prlimit', [`--nofile=${limit}:${limit}`, '--pid', String(script.pid)]);
    return script.pid;
  }

  async #script(source: string): Promise<ScriptProcess> {
    const script = new ScriptProcess(`
      import {tryLock} from '${join(import.meta.dirname, '../../store/file-lock.ts')}';
      globalThis.lock = tryLock(${JSON.stringify(join(this.data, 'agent.lock'))});
      ${source}
    `);
    this.atEnd(() => script.kill());
    await script.line(1);
    this.sees(script.pid);
    return script;
  }

  /** A process that is called as a payload is, and writes where a payload writes. */
  async payload(): Promise<{pid: number; startTime: string}> {
    mkdirSync(join(this.folder, 'cmd/agent'), {recursive: true});
    const program = this.write('cmd/agent/main.ts', 'setInterval(() => {}, 1000);\n');
    const log = openSync(join(this.data, 'run/payload-p.log'), 'a');
    const child: ChildProcess = spawn(process.execPath, [program, 'payload'], {stdio: ['ignore', 'ignore', log]});
    closeSync(log);
    this.sees(child.pid!);
    this.atEnd(() => child.kill('SIGKILL'));
    await until(() => processState(child.pid!) !== undefined, {what: 'the payload'});
    return {pid: child.pid!, startTime: processState(child.pid!)!.startTime};
  }

  /** Signed by itself; `openssl req` cannot set the times. */
  makeCertificate({name, from, to}: {name: string; from?: string; to?: string}) {
    const file = (end: string) => join(this.folder, `made.${end}`);
    const config = `
      [ca]
      default_ca = own
      [own]
      database = ${file('index')}
      new_certs_dir = ${this.folder}
      default_md = sha256
      policy = any
      unique_subject = no
      rand_serial = yes
      x509_extensions = names
      [any]
      organizationalUnitName = optional
      commonName = supplied
      [names]
      subjectAltName = DNS:${name}
    `;
    writeFileSync(file('config'), config);
    writeFileSync(file('index'), '');
    const openssl = (...args: string[]) => execFileSync('openssl', args, {stdio: 'ignore'});
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key')];
    openssl('req', '-new', ...key, '-subj', `/OU=agent/CN=${name}`, '-out', file('csr'));
    const validity = from && to ? ['-startdate', from, '-enddate', to] : ['-days', '30'];
    const signed = ['-keyfile', file('key'), '-in', file('csr'), '-out', file('pem')];
    openssl('ca', '-batch', '-notext', '-selfsign', '-config', file('config'), ...validity, ...signed);
    return {key: readFileSync(file('key'), 'utf8'), certificate: readFileSync(file('pem'), 'utf8')};
  }

  writeIdentity({id, certificate, key}: {id: string; certificate: string; key: string}): void {
    mkdirSync(join(this.data, 'identity'), {recursive: true, mode: 0o700});
    const kept = {identity: 1, kind: 'agent', id, token: 'x', enrolled_with: 'y', certificate};
    writeFileSync(join(this.data, 'identity/identity.json'), JSON.stringify(kept, null, 2), {mode: 0o600});
    writeFileSync(join(this.data, 'identity/node.key'), key, {mode: 0o600});
  }
}

export function findingsOf(check: string, results: Result[]): Finding[] {
  return results.find(result => result.check === check)!.findings;
}
