import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {freePort, Site} from './site.ts';
import {until} from './until.ts';

const dist = join(import.meta.dirname, '../../dist');

const ownKeys = `\
  - { name: ops, role: operator, key: key-of-the-operators, views: "*" }
  - { name: root, role: admin, key: key-of-the-admins, views: "*" }
`;

type Ended = {status: number | null; stdout: string; stderr: string};

/** A site whose agent has a controller: an executable of its own, or embedded in the fusion. */
export class ControlledSite extends Site {
  readonly #isEmbedded: boolean;
  #controller: ChildProcess | undefined;
  controllerUrl = '';

  constructor(directory: string, {isEmbedded}: {isEmbedded: boolean}) {
    super(directory);
    this.#isEmbedded = isEmbedded;
  }

  override async prepare(): Promise<void> {
    await super.prepare();
    const port = await freePort();
    this.controllerUrl = this.#isEmbedded ? this.url : `http://127.0.0.1:${port}`;
    const text = readFileSync(this.config, 'utf8')
      .replace(
        'data: ./agent',
        `data: ./agent, control_plane_uri: "${this.controllerUrl}", auth_token: key-of-the-agents`,
      )
      .replace('data: ./fusion', `data: ./fusion, embed_controller: ${this.#isEmbedded}`)
      .replace('keys:\n', `keys:\n${ownKeys}`);
    writeFileSync(this.config, `${text}controller: { listen: "127.0.0.1:${port}", data: ./controller }\n`);
  }

  override async startFusion(): Promise<void> {
    await super.startFusion();
    if (!this.#isEmbedded) await this.startController();
  }

  async startController(): Promise<void> {
    const command = [join(dist, 'fustor-controller'), '--config', this.config];
    const log = join(this.folder, 'controller.log');
    this.#controller = spawn('/bin/sh', ['-c', 'exec 2>>"$0"; exec "$@"', log, ...command], {stdio: 'ignore'});
    const isAlive = () =>
      fetch(`${this.controllerUrl}/livez`).then(
        ({ok}) => ok,
        () => false,
      );
    await until(isAlive, {what: 'an answer of the controller'});
  }

  /** Resolves to its exit code. */
  async endController(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#controller;
    if (!child) return null;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, 'exit');
    }
    return child.exitCode;
  }

  /** As an operator who asks the controller. */
  async fustorctl(...args: string[]): Promise<Ended> {
    const child = spawn(join(dist, 'fustorctl'), [...args, '--endpoint', this.controllerUrl], {
      env: {FUSTOR_KEY: 'key-of-the-operators'},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = {status: null as number | null, stdout: '', stderr: ''};
    child.stdout.on('data', chunk => {
      ended.stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      ended.stderr += chunk;
    });
    await once(child, 'close');
    return {...ended, status: child.exitCode};
  }

  /** A figure of the controller's metrics. */
  async metric(name: string): Promise<number | undefined> {
    const text = await (await fetch(`${this.controllerUrl}/metrics`)).text();
    const line = text.split('\n').find(one => one.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  override async dispose(): Promise<void> {
    await this.endController('SIGTERM');
    await super.dispose();
  }
}
