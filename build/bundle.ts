import {existsSync} from 'node:fs';
import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {build, type Plugin} from 'esbuild';
import {root} from './target.ts';

export type Bundle = {path: string; containsLmdb: boolean};

/**
 * One CommonJS file out of an entry and all that it imports, except Node's own modules: the form that an executable
 * and an embedded worker thread can run. Not minified, so that a stack trace from the field can be read.
 */
export async function bundle(entry: string, path: string): Promise<Bundle> {
  if (!existsSync(join(root, entry))) throw new Error(`Cannot bundle ${entry}: there is no such file.`);
  const {metafile} = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: path,
    bundle: true,
    platform: 'node',
    target: 'node26',
    format: 'cjs',
    metafile: true,
    logLevel: 'warning',
    plugins: [nativeParts],
    // Modules that ask where they are only do so to find files that an executable does not have.
    define: {'import.meta.url': '"file:///fustor/main.cjs"', 'import.meta.dirname': '"/fustor"'},
    // Inside an executable `import()` finds only Node's modules; as `require` it is resolved here.
    supported: {'dynamic-import': false},
  });
  // Only comments still have other characters, of which one doubles what V8 keeps of the source: two bytes for each.
  await writeFile(path, (await readFile(path, 'utf8')).replace(/[^\0-\x7f]/g, '?'));
  const inputs = Object.keys(metafile.inputs);
  return {path, containsLmdb: inputs.some(input => input.includes('node_modules/lmdb/'))};
}

/** What packages would look for on disk at run time, brought into the bundle or left out of it. */
const nativeParts: Plugin = {
  name: 'native-parts',
  setup({onLoad, onResolve}) {
    onResolve({filter: /^node-gyp-build-optional-packages$/}, () => ({
      path: join(import.meta.dirname, 'embedded/load-addon.ts'),
    }));

    onLoad({filter: /node_modules\/lmdb\/open\.js$/}, async ({path}) => {
      const source = await readFile(path, 'utf8');
      const reading = /fs\.readFileSync\(\s*new URL\(\s*'\.\/dict\/dict\.txt'.*?\),\s*\),\s*\),/s;
      if (!reading.test(source)) throw new Error(`${path} no longer reads its compression dictionary as we know it.`);
      const contents = `import dictionary from './dict/dict.txt';${source.replace(reading, 'Buffer.from(dictionary),')}`;
      return {contents, loader: 'js'};
    });
    onLoad({filter: /node_modules\/lmdb\/dict\//}, async ({path}) => ({
      contents: await readFile(path),
      loader: 'binary',
    }));

    // Accelerators of cbor-x and msgpackr for long texts, which our messages do not have. Both do without.
    onResolve({filter: /^(cbor|msgpackr)-extract$/}, ({path}) => ({path, namespace: 'left-out'}));
    onLoad({filter: /./, namespace: 'left-out'}, () => ({contents: 'module.exports = undefined;'}));
  },
};
