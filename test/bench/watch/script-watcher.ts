import {watch} from 'node:fs';
import {relative} from 'node:path';

/**
 * `node script-watcher.ts LIBRARY ROOT`: watches with chokidar, with node's own `fs.watch`, or with the module of @parcel/watcher
 * at a path, as a script would. Prints `ready`, and at each line on stdin how many different files it was told of.
 */
const [library, root] = process.argv.slice(2) as [string, string];
const told = new Set<string>();

if (library === 'chokidar') {
  const {watch: watchAll} = await import('chokidar');
  const watcher = watchAll(root, {ignoreInitial: true});
  watcher.on('change', path => told.add(relative(root, path)));
  await new Promise<void>((resolve, reject) => watcher.on('ready', resolve).on('error', reject));
} else if (library === 'fs.watch') {
  // It says nothing of when it is ready: it is when the call returns.
  watch(root, {recursive: true}, (_, path) => path !== null && told.add(path));
} else {
  const {subscribe} = (await import(library)).default;
  await subscribe(root, (error: Error | null, events: {path: string}[]) => {
    if (error) console.error(`  (@parcel/watcher: ${error.message})`);
    else for (const {path} of events) told.add(relative(root, path));
  });
}
console.log('ready');
process.stdin.on('data', () => console.log(told.size));
