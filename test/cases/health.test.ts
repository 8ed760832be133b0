import {copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, type TestContext, test} from 'vitest';
import {ControlledSite} from '../lib/controlled-site.ts';
import {until} from '../lib/until.ts';

/** Most of these wait for a silence to mean something, so they wait together. */
const together = test.concurrent;

type Told = {subject: string; kind: string; severity: string; problem: string; since: string; next: string};

/** With other settings of its programs. */
class TunedSite extends ControlledSite {
  readonly #changes: Record<string, string>;

  constructor(directory: string, isEmbedded: boolean, changes: Record<string, string>) {
    super(directory, {isEmbedded});
    this.#changes = changes;
  }

  override async prepare(): Promise<void> {
    await super.prepare();
    let text = readFileSync(this.config, 'utf8');
    for (const [before, after] of Object.entries(this.#changes)) text = text.replace(before, after);
    writeFileSync(this.config, text);
  }
}

async function startSite(
  {onTestFinished}: Pick<TestContext, 'onTestFinished'>,
  changes: Record<string, string> = {},
  {isEmbedded} = {isEmbedded: false},
) {
  const directory = mkdtempSync(join(tmpdir(), 'fustor-health-'));
  onTestFinished(() => rmSync(directory, {recursive: true, force: true}));
  writeFileSync(join(directory, 'file'), 'x');
  const site = new TunedSite(directory, isEmbedded, changes);
  onTestFinished(() => site.dispose());
  await site.start();
  await site.live();
  await until(async () => (await site.fustorctl('wait', '--for=online', 'agent/node-a')).status === 0);
  return site;
}

async function problems(site: ControlledSite): Promise<Told[]> {
  const {stdout} = await site.fustorctl('status', '-o', 'json');
  return JSON.parse(stdout).data?.problems ?? [];
}

/** Waits until `status` tells it; resolves to that, and to how it is told to people. */
async function told(site: ControlledSite, kind: string, timeoutMs = 30_000): Promise<{problem: Told; text: string}> {
  const find = async () => (await problems(site)).find(one => one.kind === kind);
  const problem = await until(find, {timeoutMs, everyMs: 250, what: `"${kind}" in "fustorctl status"`});
  const {status, stdout} = await site.fustorctl('status');
  expect(status).toBe(1);
  return {problem, text: stdout};
}

function next(site: ControlledSite, {next}: Told) {
  const [program, ...args] = next.split(' ');
  expect(program).toBe('fustorctl');
  return site.fustorctl(...args);
}

for (const isEmbedded of [false, true]) {
  const where = isEmbedded ? 'embedded in a fusion' : 'of its own';

  together(
    `with a controller ${where}: an agent that is gone is silent, since one moment also for the next controller`,
    async context => {
      const site = await startSite(context, {}, {isEmbedded});
      expect(await site.fustorctl('status')).toEqual({status: 0, stdout: 'Nothing needs action.\n', stderr: ''});
      await site.kill('agent');
      const {problem, text} = await told(site, 'silent', 60_000);
      expect(problem).toMatchObject({subject: 'agent/node-a', severity: 'error', next: 'fustorctl agent show node-a'});
      expect(text).toContain(`ERROR    agent/node-a  since ${problem.since}\n`);
      expect(text).toContain('$ fustorctl agent show node-a\n');
      expect(await next(site, problem)).toMatchObject({status: 0, stdout: expect.stringContaining('silent')});
      if (isEmbedded) {
        process.kill(site.partPid('fusion', 'controller'), 'SIGKILL');
      } else {
        await until(async () => (await site.metric('fustor_controller_problems{severity="error"}')) === 1);
        await site.endController('SIGKILL');
        await site.startController();
      }
      await told(site, 'silent').then(again => expect(again.problem).toEqual(problem));
      site.run('agent');
      const back = await site.fustorctl('wait', '--for=online', 'agent/node-a', '--timeout', '60s');
      expect(back).toMatchObject({status: 0, stderr: ''});
      await until(async () => (await problems(site)).every(({kind}) => kind !== 'silent'));
    },
    300_000,
  );
}

together('a pipe in quarantine is told with the command that lets it out', async context => {
  const site = await startSite(context, {
    'id: node-a': 'id: node-a, supervision: { quarantine_deaths: 2, quarantine_window: 1h }',
  });
  const pids = new Set<number>();
  const find = async () => {
    const state = (await problems(site)).find(({subject}) => subject === 'pipe/node-a/site');
    if (state?.kind === 'quarantined') return state;
    const {pid} = await until(() => partOf(site));
    if (pid && !pids.has(pid)) process.kill(pid, 'SIGKILL');
    if (pid) pids.add(pid);
    return undefined;
  };
  await until(find, {timeoutMs: 60_000, what: 'the quarantine'});
  const {problem, text} = await told(site, 'quarantined');
  expect(text).toContain('$ fustorctl agent restart node-a site\n');
  expect(problem.problem).toContain('It was ended by SIGKILL');
  expect(await next(site, problem)).toMatchObject({status: 0, stdout: expect.stringContaining('done')});
  await until(async () => (await problems(site)).every(({kind}) => kind !== 'quarantined'));
  writeFileSync(join(site.directory, 'afterwards'), 'x');
  await site.same();
});

together('a payload that was stopped is told as what its agent found', async context => {
  const site = await startSite(context, {'id: node-a': 'id: node-a, supervision: { unanswering_after: 2s }'});
  const {pid} = await until(() => partOf(site));
  process.kill(pid!, 'SIGSTOP');
  const {problem} = await told(site, 'crashing');
  expect(problem).toMatchObject({subject: 'pipe/node-a/site', severity: 'warning'});
  expect(problem.problem).toContain('It was stopped (SIGSTOP)');
});

together(
  'a payload that is alive and makes no progress is told as a zombie, with the command that ends it',
  async context => {
    const site = await startSite(context, {
      'data: ./fusion': 'data: ./fusion, supervision: { unanswering_after: 1h }',
      'driver: fusion,': 'driver: fusion, request_timeout: 10m,',
    });
    const {pid} = await until(() => partOf(site));
    const gateways = [1, 2].map(number => site.partPid('fusion', `gateway-${number}`));
    for (const gateway of gateways) process.kill(gateway, 'SIGSTOP');
    context.onTestFinished(() => {
      for (const gateway of gateways) process.kill(gateway, 'SIGCONT');
    });
    writeFileSync(join(site.directory, 'never told'), 'x');
    const {problem, text} = await told(site, 'stalled', 240_000);
    expect(problem).toMatchObject({subject: 'pipe/node-a/site', severity: 'error'});
    expect(text).toContain('$ fustorctl agent restart node-a site\n');
    expect(await next(site, problem)).toMatchObject({status: 0});
    expect((await until(() => partOf(site))).pid).not.toBe(pid);
    expect((await problems(site)).filter(({kind}) => kind === 'stalled')).toEqual([]);
  },
  300_000,
);

together('a controller that is restored from a backup knows what it knew', async context => {
  const site = await startSite(context);
  await site.fustorctl('agent', 'restart', 'node-a', 'site');
  const before = (await site.fustorctl('agent', 'list', '-o', 'json')).stdout;
  const copy = join(site.folder, 'backup');
  expect(await site.fustorctl('backup', copy)).toMatchObject({status: 4});
  const asAdmin = ['backup', copy, '--key', 'key-of-the-admins'];
  expect(await site.fustorctl(...asAdmin)).toMatchObject({status: 0, stderr: ''});
  expect(statSync(copy).mode & 0o777).toBe(0o600);
  expect(await site.fustorctl(...asAdmin)).toMatchObject({status: 2, stderr: expect.stringContaining('exists')});
  await site.endController('SIGKILL');
  const data = join(site.folder, 'controller');
  const key = readFileSync(join(data, 'master.key'));
  rmSync(data, {recursive: true});
  mkdirSync(data);
  writeFileSync(join(data, 'master.key'), key, {mode: 0o600});
  copyFileSync(copy, join(data, 'control.mdb'));
  await site.startController();
  const after = (await site.fustorctl('agent', 'list', '-o', 'json')).stdout;
  const told = (text: string) =>
    JSON.parse(text).data.map(({id, instance, key}: Record<string, string>) => ({id, instance, key}));
  expect(told(after)).toEqual(told(before));
  expect((await site.fustorctl('status')).status).toBe(0);
});

together(
  'what is configured and was never heard is told and waited for, with the command to have it enrol',
  async context => {
    const site = await startSite(context);
    const file = join(site.folder, 'desired.yaml');
    const source = `mount: { driver: fs, path: ${JSON.stringify(site.directory)} }`;
    writeFileSync(
      file,
      `views: { site: { fusion: main } }
fusions: { main: { url: "${site.url}" } }
sources: { ${source} }
senders: { main: { fusion: main } }
pipes: { site: { source: mount, sender: main, view: site } }
agents: { node-a: { pipes: [site] }, node-b: { pipes: [site] } }
`,
    );
    const asAdmin = ['--key', 'key-of-the-admins'];
    expect(await site.fustorctl('apply', '-f', file, ...asAdmin)).toMatchObject({status: 0});
    const {stdout} = await site.fustorctl('status', '-o', 'name');
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(['agent/node-b', 'fusion/main']));
    const {problem, text} = await told(site, 'never_seen');
    expect(text).toContain('$ fustorctl enroll-token create --role agent\n');
    expect((await site.fustorctl(...problem.next.split(' ').slice(1), ...asAdmin)).stdout).toContain('fustor_enroll_');
    const wait = ['wait', '--for=applied', 'agent/node-b', '--timeout', '300ms'];
    expect(await site.fustorctl(...wait)).toMatchObject({
      status: 6,
      stderr: expect.stringContaining('agent/node-b is never_seen'),
    });
    const pipes = JSON.parse((await site.fustorctl('get', 'pipes', '-o', 'json')).stdout).data;
    expect(pipes).toMatchObject([
      {agent: 'node-a', pipe: 'site', view: 'site', wanted: true},
      {agent: 'node-b', wanted: true, state: 'never_seen'},
    ]);
    await until(async () => {
      const {stdout: agents} = await site.fustorctl('agent', 'show', 'node-a', '-o', 'json');
      return ['soaking', 'applied'].includes(JSON.parse(agents).data.apply.state);
    });
  },
);

async function partOf(site: ControlledSite): Promise<{pid: number | null; state: string} | undefined> {
  const {status, stdout} = await site.fustorctl('agent', 'show', 'node-a', '-o', 'json');
  return status === 0 ? JSON.parse(stdout).data.parts[0] : undefined;
}
