import {join} from 'node:path';
import {defineConfig} from 'vitest/config';

const root = new URL('..', import.meta.url).pathname;

export default defineConfig({
  test: {
    root,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          globalSetup: join(root, 'test/lib/shipped-lmdb.ts'),
          testTimeout: 30_000, // on a busy machine; what must be fast is measured by benchmarks
          include: [
            '{core,drivers,store,cmd,build}/**/*.test.ts',
            'test/{lib,sim,chaos,bench}/**/*.test.ts',
            'test/layers.test.ts',
          ],
        },
      },
      {
        extends: true,
        test: {
          name: 'cases',
          include: ['test/cases/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
    pool: 'forks',
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
});
