import {expect, onTestFinished, test} from 'vitest';
import {ScriptProcess} from '../../test/lib/script-process.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';

/** A shell without parts, which tells what it does and whose configuration can be read when its stdin says so. */
function shell(): ScriptProcess {
  const folder = temporaryFolder();
  const script = new ScriptProcess(`
    import {once} from 'node:events';
    import {Shell} from 'cmd/shell/shell.ts';
    import {stopSignal} from 'cmd/stop-signal.ts';
    const tell = word => async () => console.log(word);
    const log = {debug() {}, info() {}, warn() {}, error() {}};
    const parts = {apply: tell('applies'), report: () => [], execute: async () => '', stop: tell('stops')};
    const load = async () => {
      console.log('reads');
      await once(process.stdin, 'data');
    };
    const shell = new Shell(parts, {log, controls: {load}, runDirectory: '${folder.path}'});
    await shell.run({}, stopSignal(), tell('ready'));
    process.exit(0);
  `);
  onTestFinished(async () => {
    await script.kill();
    folder.remove();
  });
  return script;
}

for (const order of ['SIGHUP', 'SIGUSR2'] as const) {
  test(`a shell that is told to stop while it reads its configuration after ${order} stops, and begins nothing`, async () => {
    const process = shell();
    await process.line(2);
    process.child.kill(order);
    expect(await process.line(3)).toBe('reads');
    process.child.kill('SIGTERM');
    expect(await process.line(4)).toBe('stops');
    process.child.stdin!.write('now\n');
    expect(await process.ended()).toMatchObject({code: 0});
    expect(process.lines).toEqual(['applies', 'ready', 'reads', 'stops']);
  });
}
