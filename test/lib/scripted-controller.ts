import {generateKeyPairSync} from 'node:crypto';
import {once} from 'node:events';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import {json} from 'node:stream/consumers';
import type {Acknowledgement, ControlHeartbeat, PendingCommand} from '../../core/control/protocol.ts';
import {encodeManifest, type Manifest, type SignedManifest} from '../../core/manifest/manifest.ts';
import {type SigningKey, signingKey} from '../../core/manifest/signature.ts';
import {until} from './until.ts';

/** A controller for one node that says what a test has it say, signed with a key that stays the same while it is away. */
export class ScriptedController {
  readonly #node: Pick<Manifest, 'kind' | 'id'>;
  readonly #port: number;
  readonly #key: SigningKey;
  readonly #publicKey: string;
  readonly #acknowledged = new Map<string, Acknowledgement>();
  #server: Server | undefined;
  #manifest: SignedManifest | undefined;
  #held: (() => void)[] = [];
  #commands: PendingCommand[] = [];
  /** What the node said last. */
  heartbeat: ControlHeartbeat | undefined;

  constructor(node: Pick<Manifest, 'kind' | 'id'>, port: number) {
    this.#node = node;
    this.#port = port;
    const {publicKey, privateKey} = generateKeyPairSync('ed25519');
    this.#key = signingKey(privateKey);
    this.#publicKey = publicKey.export({type: 'spki', format: 'pem'}).toString();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Of what the node should do. */
  get signature(): string | undefined {
    return this.#manifest?.signature;
  }

  async start(): Promise<void> {
    this.#server = createServer((request, response) => void this.#answer(request, response)).listen(
      this.#port,
      '127.0.0.1',
    );
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    server.close();
    server.closeAllConnections();
    this.#release();
    await once(server, 'close');
  }

  /** What the node should do from now on. */
  say(config: Manifest['config']): void {
    this.#manifest = encodeManifest({manifest: 1, ...this.#node, config}, this.#key);
    this.#release();
  }

  /** Resolves to how it ended. */
  async order(command: Omit<PendingCommand, 'id' | 'deadline_ms'>): Promise<Acknowledgement> {
    const id = `c${this.#acknowledged.size + 1}`;
    this.#commands.push({...command, id, deadline_ms: 10_000});
    this.#release();
    return until(() => this.#acknowledged.get(id), {what: `the end of ${command.command}`});
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const {pathname, searchParams} = new URL(request.url!, this.url);
    const answer = (data: object) => response.writeHead(200).end(JSON.stringify({data}));
    try {
      if (pathname.endsWith('/trust')) return void answer({signing_keys: [this.#publicKey]});
      if (pathname.endsWith('/heartbeat')) return void answer(await this.#beat(request));
      const current = searchParams.get('current_signature') ?? undefined;
      if (this.#manifest?.signature === current && searchParams.has('wait')) await this.#change();
      if (!this.#manifest)
        return void response.writeHead(404).end('{"error": {"code": "NOT_FOUND", "message": "None."}}');
      const {signature, bytes} = this.#manifest;
      if (signature === current) return void response.writeHead(304).end();
      response.writeHead(200, {'x-config-signature': signature}).end(bytes);
    } catch {
      response.destroy(); // it hung up
    }
  }

  async #beat(request: IncomingMessage): Promise<object> {
    const heartbeat = (await json(request)) as ControlHeartbeat;
    const isLatest = heartbeat.sequence >= (this.heartbeat?.sequence ?? 0);
    if (isLatest || heartbeat.instance !== this.heartbeat?.instance) this.heartbeat = heartbeat;
    for (const end of heartbeat.acknowledgements) this.#acknowledged.set(end.id, end);
    const known = [...heartbeat.known_commands, ...this.#acknowledged.keys()];
    this.#commands = this.#commands.filter(({id}) => !known.includes(id));
    this.#release();
    if (this.#commands.length === 0) await this.#change();
    return {commands: this.#commands, held_ms: 0, desired: this.#manifest?.signature};
  }

  #change(): Promise<void> {
    return new Promise(resolve => this.#held.push(resolve));
  }

  #release(): void {
    for (const release of this.#held.splice(0)) release();
  }
}
