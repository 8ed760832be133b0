import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

const makers = 2;
export const needles = 37;

/** Makes a tree of so many empty files, in two processes, with 37 among them that are called otherwise. */
export async function makeLargeTree(root: string, files: number): Promise<void> {
  mkdirSync(root);
  const program = join(import.meta.dirname, '../lib/make-tree.ts');
  const share = String(Math.ceil((files - needles) / makers));
  const made = Array.from({length: makers}, async (_, i) => {
    const args = ['--disable-warning=ExperimentalWarning', program, join(root, `part-${i}`), share, '--empty'];
    const child = spawn(process.execPath, args, {stdio: ['ignore', 'ignore', 'inherit']});
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`making a tree in ${root} ended with ${code}`);
  });
  await Promise.all(made);
  for (let i = 0; i < needles; i++) {
    const folder = join(root, `part-${i % makers}`, `directory-${i % 12}`);
    mkdirSync(folder, {recursive: true});
    writeFileSync(join(folder, `needle-${i}.dat`), '');
  }
}
