import {utimesSync} from 'node:fs';
import {createServer as createTlsServer} from 'node:https';
import {type AddressInfo, createServer as createTcpServer} from 'node:net';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {listen} from '../../../test/lib/canned-fusion.ts';
import {DoctorHost} from '../../../test/lib/doctor-host.ts';
import {hostFacts} from './host-facts.ts';

let host: DoctorHost;
beforeEach(() => {
  host = new DoctorHost();
});
afterEach(() => host.remove());

describe('the clock', () => {
  test('that was never set is before this program', async () => {
    expect(await host.findings('clock', ['--data', host.data], {nowMs: () => 0})).toMatchObject([
      {
        problem: expect.stringContaining('1970-01-01T00:00:00.000Z, before this program was made'),
        remedy: expect.stringMatching(/timedatectl/),
      },
    ]);
  });

  test('that went back is before what was written last', async () => {
    const later = Date.now() / 1000 + 7_200;
    utimesSync(join(host.data, 'agent.lock'), later, later);
    const [found] = await host.findings('clock', ['--data', host.data]);
    expect(found!.problem).toMatch(/ 1h 59m before Fustor last wrote here|2h 0m before/);
  });

  test('that differs from the controller is found by its answer', async () => {
    const server = await controllerThat(
      () => new Response('{}', {headers: {date: new Date(Date.now() - 60_000).toUTCString()}}),
    );
    const found = await host.findings('clock', ['--config', host.agentConfig(server)]);
    expect(found[0]!.problem).toMatch(/^The clock of this host is (59s|1m 0s) ahead of that of http/);
    expect(
      await host.findings('clock', ['--config', host.agentConfig(await controllerThat(() => new Response('{}')))]),
    ).toEqual([]);
  });

  test('that nothing keeps is a notice', async () => {
    const found = await host.findings('clock', ['--data', host.data], {
      isClockSynchronised: () => false,
      readText: () => undefined,
    });
    expect(found).toMatchObject([{severity: 'notice'}]);
    expect(hostFacts.isClockSynchronised()).toBeTypeOf('boolean');
  });
});

test('a name that means no host is told', async () => {
  expect(await host.findings('dns', ['--config', host.agentConfig('http://controller.invalid:8101')])).toMatchObject([
    {subject: 'controller.invalid', remedy: expect.stringMatching(/getent hosts controller\.invalid/)},
  ]);
});

describe('a port', () => {
  test('that somebody else has is told with who it is', async () => {
    const {port} = await taken();
    const file = host.write('fustor.yaml', `fusion: {listen: "127.0.0.1:${port}", data: ./fusion}\n`);
    const [found] = await host.findings('port', ['--config', file]);
    expect(found).toMatchObject({subject: `127.0.0.1:${port}`, remedy: expect.stringMatching(/another "listen"/)});
    expect(found!.problem).toMatch(new RegExp(`taken by pid ${process.pid} \\(.*node`));
  });

  test('where nobody listens is told of a server', async () => {
    const [found] = await host.findings('port', ['--config', host.agentConfig('http://127.0.0.1:1')]);
    expect(found).toMatchObject({problem: 'The controller cannot be reached: nothing listens there.'});
  });
});

describe('a certificate', () => {
  test.each([
    ['20200101000000Z', '20210101000000Z', /expired at 2021-01-01/],
    ['20900101000000Z', '20910101000000Z', /counts only from 2090-01-01/],
    ['20200101000000Z', '20270101000000Z', /was not renewed in time/],
  ])('in the identity of the node, from %s to %s', async (from, to, problem) => {
    const {certificate, key} = host.makeCertificate({name: 'node-a', from, to});
    host.writeIdentity({id: 'node-a', certificate, key});
    const found = await host.findings('certificate', ['--data', host.data]);
    expect(found).toMatchObject([{subject: join(host.data, 'identity/identity.json')}]);
    expect(found[0]!.problem).toMatch(problem);
  });

  test('of another node, or for another key, is told; a good one is not', async () => {
    const good = host.makeCertificate({name: 'node-a'});
    host.writeIdentity({id: 'node-a', ...good});
    expect(await host.findings('certificate', ['--data', host.data])).toEqual([]);
    host.writeIdentity({id: 'node-b', ...good});
    expect((await host.findings('certificate', ['--data', host.data]))[0]!.problem).toMatch(
      /is for .*CN=node-a, not for node-b/,
    );
    host.writeIdentity({id: 'node-a', certificate: good.certificate, key: host.makeCertificate({name: 'node-a'}).key});
    expect((await host.findings('certificate', ['--data', host.data]))[0]!.problem).toMatch(
      /another key than node\.key/,
    );
  });

  test('of a server that is for another name, or has expired, is told', async () => {
    const cert = host.makeCertificate({name: 'elsewhere', from: '20200101000000Z', to: '20210101000000Z'});
    const server = createTlsServer({cert: cert.certificate, key: cert.key}, (_, response) => response.end('{}'));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    host.atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    const found = await host.findings('certificate', [
      '--config',
      host.agentConfig(`https://127.0.0.1:${(server.address() as AddressInfo).port}`),
    ]);
    expect(found.map(({problem}) => problem)).toEqual([
      expect.stringMatching(/is for .*elsewhere.*, not for 127\.0\.0\.1/),
      expect.stringContaining('expired at 2021-01-01'),
    ]);
  });
});

async function controllerThat(answer: (request: Request) => Response): Promise<string> {
  const server = await listen(answer);
  host.atEnd(() => server.stop());
  return server.url;
}

async function taken(): Promise<{port: number}> {
  const server = createTcpServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  host.atEnd(() => server.close());
  return {port: (server.address() as AddressInfo).port};
}
