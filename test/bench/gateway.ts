import {type ChildProcess, spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {type AddressInfo, BoundSocket} from 'node:net';
import {join} from 'node:path';
import {gatewayConfig} from '../../cmd/fusion/gateway/gateway-config.ts';
import {runGateway} from '../../cmd/fusion/gateway/run-gateway.ts';
import type {Log} from '../../core/log/log.ts';
import {anonymousBytesOf, cpuMsOf} from './process-usage.ts';

/** One gateway, as a process of its own: `node gateway.ts FOLDER` serves the store in a folder and tells its port. */
export type BenchProcess = {child: ChildProcess; port: number};

export const benchView = 'bench';
export const benchKey = 'bench';

export function startGateway(folder: string): Promise<BenchProcess> {
  return startProcess(import.meta.filename, [folder]);
}

/** Starts a program that tells a number, its port say, in its first line. */
export async function startProcess(file: string, args: string[]): Promise<BenchProcess> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout!, 'data');
  return {child, port: Number(line)};
}

export function cpuMs({child}: BenchProcess): number {
  return cpuMsOf(child.pid!);
}

export function anonymousBytes({child}: BenchProcess): number {
  return anonymousBytesOf(child.pid!);
}

async function serve(folder: string): Promise<void> {
  const socket = new BoundSocket({host: '127.0.0.1', port: 0});
  const sha256 = createHash('sha256').update(benchKey).digest('hex');
  const ready = () => console.log((socket.address() as AddressInfo).port);
  const log: Log = {debug() {}, info: ready, warn: console.error, error: console.error, child: () => log};
  await runGateway(
    gatewayConfig.parse({
      id: String(process.pid),
      listenFd: socket.fd(),
      runDirectory: join(folder, 'run'),
      keys: [{name: 'bench', role: 'admin', sha256, views: '*'}],
      views: [{name: benchView, storeDirectory: folder, engineSocket: join(folder, 'engine.sock')}],
    }),
    {log, signal: new AbortController().signal},
  );
}

if (import.meta.main) await serve(process.argv[2]!);
