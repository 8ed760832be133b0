import {execFileSync} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {expect, onTestFinished, test} from 'vitest';
import {GitServer, gitEnv} from '../../../test/lib/git-server.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {BareRepository} from './bare-repository.ts';
import {takeApart} from './git-url.ts';

test('a password in the address reaches the server, and neither a command line nor a message', async () => {
  const folder = temporaryFolder();
  onTestFinished(folder.remove);
  const server = new GitServer(folder.path);
  const commit = server.publish({'a.yaml': '1'});
  execFileSync('git', ['update-server-info'], {cwd: server.path, env: gitEnv});
  const commandLines: string[] = [];
  const seen = new Set<string | undefined>();
  const http = createServer(async (request, response) => {
    seen.add(request.headers.authorization);
    commandLines.push(
      ...readdirSync('/proc')
        .filter(name => /^\d+$/.test(name))
        .map(commandLine),
    );
    const isKnown = request.headers.authorization === `Basic ${btoa('me:s3cr/t')}`;
    if (!isKnown) {
      response.writeHead(401, {'www-authenticate': 'Basic realm="git"'}).end();
      return;
    }
    const path = new URL(request.url!, 'http://h').pathname;
    await readFile(join(server.path, path)).then(
      content => response.end(content),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void http.close());
  const {port} = http.address() as AddressInfo;
  const fetch = (password: string) => {
    const url = `http://me:${password}@127.0.0.1:${port}/`;
    const settings = {
      ...{url, branch: 'main', path: '', intervalMs: 30_000, timeoutMs: 20_000},
      ...{takesSignedOnly: false, allowedSigners: undefined, webhookSecret: undefined},
    };
    const repository = new BareRepository(settings, {directory: join(folder.path, 'copy'), env: gitEnv});
    return repository.fetch(new AbortController().signal);
  };
  expect(await fetch('s3cr%2Ft')).toBe(commit);
  const refused = await fetch('wr0ng').catch(error => error);
  expect(refused.message).toContain('Authentication failed');
  expect(refused.message).not.toContain('wr0ng');
  expect([...seen]).toContain(`Basic ${btoa('me:wr0ng')}`);
  expect(commandLines.filter(line => line.includes('git-remote-http'))).not.toEqual([]);
  expect(commandLines.filter(line => /s3cr|wr0ng/.test(line))).toEqual([]);
});

test.each([
  ['https://me:pass%40word@host/a.git', 'https://host/a.git', ['me:pass%40word', 'pass%40word', 'pass@word']],
  ['https://token@host/a.git', 'https://host/a.git', ['token']],
  ['ssh://git@host:22/a.git', 'ssh://host:22/a.git', ['git']],
  ['git@host:a.git', 'git@host:a.git', []],
  ['/srv/a@b.git', '/srv/a@b.git', []],
  ['https://host/a@b:c.git', 'https://host/a@b:c.git', []],
])('%s is shown as %s', (written, shown, secrets) => {
  expect(takeApart(written)).toMatchObject({shown, secrets});
});

/** Of a process that may be gone by now. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
