import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {expect, test} from 'vitest';

const dist = join(import.meta.dirname, '../../dist');

for (const name of ['fustor-agent', 'fustor-fusion', 'fustor-controller', 'fustorctl']) {
  test(`${name} tells its version with an empty environment`, () => {
    const {status, stdout} = spawnSync(join(dist, name), ['--version'], {env: {}, encoding: 'utf8'});
    expect({status, stdout}).toEqual({status: 0, stdout: expect.stringMatching(/\d+\.\d+\.\d+/)});
  });

  test(`${name} refuses an unknown command with exit 2 and says what there is`, () => {
    const {status, stderr} = spawnSync(join(dist, name), ['no-such-command'], {env: {}, encoding: 'utf8'});
    expect({status, stderr}).toEqual({status: 2, stderr: expect.stringContaining('no-such-command')});
  });
}
