import {existsSync} from 'node:fs';
import {copyFile, mkdir, mkdtemp, readFile, rename, rm, stat} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {basename, dirname, join, relative} from 'node:path';
import {parseArgs} from 'node:util';
import {executableNames, type Program, type ThreadName, threadAsset, threads} from '../cmd/program.ts';
import {bundle} from './bundle.ts';
import {type RequiredVersions, requiredVersions} from './elf.ts';
import {buildLmdbAddon, prebuiltLmdbAddon} from './lmdb-addon.ts';
import {runTool} from './run.ts';
import {smoke} from './smoke.ts';
import {cacheDirectory, fromNpm, nodeVersion, root, type Target, targets} from './target.ts';

/**
 * Makes the executables: `npm run build [-- --arch arm64] [--only agent] [--prebuilt-lmdb]`.
 * x64 goes to `dist/`, arm64 to `dist/arm64/`. Nothing is downloaded, and the same sources give the same bytes.
 */
const {values: options} = parseArgs({
  options: {
    arch: {type: 'string', default: 'x64'},
    only: {type: 'string', multiple: true},
    'prebuilt-lmdb': {type: 'boolean', default: false},
  },
});

/**
 * A controller holds two requests of each of a thousand nodes, which all outlive the collection of what is young: room for
 * the young does not help it, and what is old is collected when it has grown by a tenth. That, and one thread that helps
 * with it, is half the memory for the same time of the processor. In an agent, of which each thread of a scan has its own room
 * for the young, the same two leave 83 MiB after a million files where it were 113 (58 with none). It also asks for its heap to
 * be made small again (`keepSmall`).
 */
const execArgv: Partial<Record<Program, readonly string[]>> = {
  agent: ['--max-semi-space-size=1', '--heap-growing-percent=10', '--expose-gc'],
  controller: ['--max-semi-space-size=1', '--heap-growing-percent=10', '--optimize-for-size', '--v8-pool-size=1'],
};

const target = oneOf(targets, options.arch);
const programs = (options.only ?? Object.keys(executableNames)) as Program[];
for (const program of programs) oneOf(executableNames, program);

const node = await strippedNode(target);
const lmdb = options['prebuilt-lmdb'] ? prebuiltLmdbAddon(target) : await buildLmdbAddon(target);
const rows: Record<string, unknown>[] = [];
for (const program of programs) {
  const startedAt = performance.now();
  const path = await makeExecutable(program);
  const buildMs = performance.now() - startedAt;
  const {startMs} = await smoke(target, path);
  rows.push({
    program: relative(root, path),
    MB: Number(((await stat(path)).size / 1e6).toFixed(1)),
    'build s': Number((buildMs / 1000).toFixed(1)),
    [target.emulator.length === 0 ? 'start ms' : 'emulated start ms']: Math.round(startMs),
  });
}
console.table(rows);
console.table([await elfRow(`node ${nodeVersion}`, node), await elfRow('lmdb.node', lmdb)]);

async function makeExecutable(program: Program): Promise<string> {
  const workDirectory = await mkdtemp(join(cacheDirectory, `${program}-`));
  try {
    const main = await bundle(`cmd/${program}/main.ts`, join(workDirectory, `${executableNames[program]}.js`));
    const assets: Record<string, string> = {};
    for (const name of threadsOf(program)) {
      const thread = await bundle(threads[name].source, join(workDirectory, `${name}.js`));
      assets[threadAsset(name)] = thread.path;
    }
    if (main.containsLmdb) assets['lmdb.node'] = lmdb;

    const unfinished = join(workDirectory, executableNames[program]);
    await inject({main: main.path, assets, output: unfinished, execArgv: execArgv[program] ?? []});
    await mkdir(target.dist, {recursive: true});
    const path = join(target.dist, executableNames[program]);
    await rename(unfinished, path);
    return path;
  } finally {
    await rm(workDirectory, {recursive: true});
  }
}

function threadsOf(program: Program): ThreadName[] {
  const names = Object.keys(threads) as ThreadName[];
  return names.filter(name => (threads[name].programs as readonly Program[]).includes(program));
}

type PkgSea = (
  entry: string,
  options: {
    targets: {nodeRange: string; platform: string; arch: string; output: string}[];
    nodePath: string;
    useLocalNode: boolean;
    seaConfig: Record<string, unknown>;
  },
) => Promise<void>;

type Parts = {main: string; assets: Record<string, string>; output: string; execArgv: readonly string[]};

/** Puts a program and its assets into a copy of Node's binary. */
async function inject({main, ...rest}: Parts): Promise<void> {
  // pkg works in a new temporary directory. When that is beside `main`, the path of `main` that ends up in the
  // executable and its stack traces can be the same in every build.
  const temporaryDirectory = process.env.TMPDIR;
  process.env.TMPDIR = dirname(main);
  try {
    await injectBesideMain({main, ...rest});
  } finally {
    if (temporaryDirectory === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = temporaryDirectory;
  }
}

async function injectBesideMain({main, assets, output, execArgv}: Parts): Promise<void> {
  const pkgSea: PkgSea = createRequire(import.meta.url)('@yao-pkg/pkg/lib-es5/sea').default;
  await pkgSea(main, {
    targets: [{nodeRange: 'node26', platform: 'linux', arch: target.arch, output}],
    nodePath: node,
    // For a foreign architecture: the running Node, which is the same version, prepares what is injected.
    useLocalNode: target.arch !== process.arch,
    seaConfig: {
      main: `../${basename(main)}`,
      assets,
      // No code cache: it would save some milliseconds of start-up, but no two builds of it are the same bytes.
      useCodeCache: false,
      execArgv: ['--disable-warning=ExperimentalWarning', '--disable-sigusr1', ...execArgv],
      // What NODE_OPTIONS says is meant for other programs of this host.
      execArgvExtension: 'none',
    },
  });
}

/** Without debug symbols. It must happen before anything is injected: a stripped executable does not start. */
async function strippedNode(target: Target): Promise<string> {
  const original = fromNpm(target.node, target.nodeHint);
  await checkVersion(original);
  const stripped = join(cacheDirectory, `node-${target.arch}-${nodeVersion}`);
  if (existsSync(stripped)) return stripped;
  await mkdir(cacheDirectory, {recursive: true});
  const unfinished = `${stripped}.${process.pid}`;
  await copyFile(original, unfinished);
  await runTool(target, 'strip', [unfinished]);
  await rename(unfinished, stripped);
  return stripped;
}

/** What one version of Node prepares, another one cannot start. */
async function checkVersion(node: string): Promise<void> {
  const {version} = JSON.parse(await readFile(join(dirname(node), '../package.json'), 'utf8'));
  if (version === nodeVersion && process.version === `v${nodeVersion}`) return;
  throw new Error(`Node must be ${nodeVersion} everywhere; this is ${process.version} and ${node} is ${version}.`);
}

async function elfRow(name: string, file: string): Promise<Record<string, string>> {
  const required: RequiredVersions = await requiredVersions(file);
  const version = (family: string) => required.get(family) ?? '–';
  return {
    ELF: name,
    GLIBC: version('GLIBC'),
    GLIBCXX: version('GLIBCXX'),
    CXXABI: version('CXXABI'),
    GCC: version('GCC'),
  };
}

function oneOf<T extends object>(choices: T, key: string): T[keyof T] {
  if (Object.hasOwn(choices, key)) return choices[key as keyof T];
  throw new Error(`"${key}" is not one of ${Object.keys(choices).join(', ')}.`);
}
