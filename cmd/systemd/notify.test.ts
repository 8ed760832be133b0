import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {DatagramSocket} from '../../test/lib/datagram-socket.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {keepWatchdogCalm, Notifier, watchdogIntervalMs} from './notify.ts';

test('systemd is told each state, over a path', async () => {
  using folder = temporaryFolder();
  const name = join(folder.path, 'notify');
  using systemd = new DatagramSocket(name);
  const notifier = new Notifier({NOTIFY_SOCKET: name});
  const before = process.hrtime.bigint() / 1_000n;
  notifier.ready();
  notifier.reloading();
  notifier.status('3 parts run');
  notifier.watchdog();
  notifier.stopping();
  expect(systemd.receive()).toBe('READY=1');
  const [state, time] = systemd.receive()!.split('\n');
  expect(state).toBe('RELOADING=1');
  const microseconds = BigInt(/^MONOTONIC_USEC=(\d+)$/.exec(time!)![1]!);
  expect(microseconds >= before && microseconds <= process.hrtime.bigint() / 1_000n).toBe(true);
  expect([systemd.receive(), systemd.receive(), systemd.receive()]).toEqual([
    'STATUS=3 parts run',
    'WATCHDOG=1',
    'STOPPING=1',
  ]);
});

test('an abstract name is as good as a path', () => {
  const name = `@fustor-notify-test-${process.pid}`;
  using systemd = new DatagramSocket(name);
  new Notifier({NOTIFY_SOCKET: name}).ready();
  expect(systemd.receive()).toBe('READY=1');
});

test('the text of a status cannot say anything else', () => {
  using systemd = new DatagramSocket(`@fustor-status-test-${process.pid}`);
  new Notifier({NOTIFY_SOCKET: `@fustor-status-test-${process.pid}`}).status('disk\nMAINPID=1\r\n full');
  expect(systemd.receive()).toBe('STATUS=disk MAINPID=1  full');
});

test('without somebody who listens nothing happens, and no descriptor is left', () => {
  using folder = temporaryFolder();
  const names = [
    undefined,
    '',
    'vsock:2:1234',
    'relative/path',
    join(folder.path, 'nobody'),
    `@fustor-nobody-${process.pid}`,
    `/${'x'.repeat(200)}`,
    `@${'x'.repeat(107)}`,
    '/tmp/\0',
  ];
  const descriptors = readdirSync('/proc/self/fd').length;
  for (const name of names) {
    const notifier = new Notifier(name === undefined ? {} : {NOTIFY_SOCKET: name});
    notifier.ready();
    notifier.reloading();
    notifier.status('x');
    notifier.watchdog();
    notifier.stopping();
  }
  expect(readdirSync('/proc/self/fd').length).toBe(descriptors);
});

test('what systemd has no room for does not wait; states come later, in order, and signs of life do not', async () => {
  const name = `@fustor-full-test-${process.pid}`;
  using systemd = new DatagramSocket(name);
  const notifier = new Notifier({NOTIFY_SOCKET: name});
  const fill = 5_000; // longer than any queue of a socket (net.unix.max_dgram_qlen, net.core.wmem_default)
  for (let count = 0; count < fill; count++) notifier.status('…');
  notifier.ready();
  notifier.watchdog();
  notifier.stopping();
  const received: string[] = [];
  while (received.at(-1) !== 'STOPPING=1') received.push(await systemd.next());
  expect(received.length).toBeLessThan(fill);
  expect(received.filter(message => message !== 'STATUS=…')).toEqual(['READY=1', 'STOPPING=1']);
});

test('signs of life come at half of the interval, from the event loop, until the end', async () => {
  const name = `@fustor-watchdog-test-${process.pid}`;
  using systemd = new DatagramSocket(name);
  const end = new AbortController();
  keepWatchdogCalm(new Notifier({NOTIFY_SOCKET: name}), end.signal, {WATCHDOG_USEC: '40000'});
  expect(await systemd.next()).toBe('WATCHDOG=1');
  const stuckUntil = performance.now() + 200;
  while (performance.now() < stuckUntil); // the loop does not turn
  expect(systemd.receive()).toBe(undefined);
  expect([await systemd.next(), await systemd.next()]).toEqual(['WATCHDOG=1', 'WATCHDOG=1']);
  end.abort();
  while (systemd.receive() !== undefined);
  using other = new DatagramSocket(`${name}-other`);
  const endOther = new AbortController();
  keepWatchdogCalm(new Notifier({NOTIFY_SOCKET: `${name}-other`}), endOther.signal, {WATCHDOG_USEC: '40000'});
  for (let count = 0; count < 4; count++) await other.next();
  endOther.abort();
  expect(systemd.receive()).toBe(undefined);
});

test('the interval counts only for the process that it was meant for', () => {
  expect(watchdogIntervalMs({})).toBe(undefined);
  expect(watchdogIntervalMs({WATCHDOG_USEC: '30000000'})).toBe(30_000);
  expect(watchdogIntervalMs({WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7'}, 7)).toBe(30_000);
  expect(watchdogIntervalMs({WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7'}, 8)).toBe(undefined);
  for (const WATCHDOG_USEC of ['', '0', '-1', 'soon']) expect(watchdogIntervalMs({WATCHDOG_USEC})).toBe(undefined);
});
