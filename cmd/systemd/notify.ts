import {errorName, libc} from '../libc.ts';
import {unixAddress} from '../unix-address.ts';

const familyUnix = 1;
/** SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK */
const datagramSocket = 2 | 0o2000000 | 0o4000;
/** MSG_DONTWAIT | MSG_NOSIGNAL */
const sendFlags = 0x40 | 0x4000;
const sendAgainMs = 50;
/** A minute of trying: longer than systemd is ever too busy to take a message. */
const attemptsMax = 1_200;

/**
 * Tells systemd how this process is, by the protocol of sd_notify(3). Without `NOTIFY_SOCKET` nothing happens: nobody asked.
 *
 * It never throws and never waits. What systemd has no room for now is sent again, in order, because without a `READY=1` it
 * would end the service; of signs of life, the next one will do.
 */
export class Notifier {
  readonly #address: Buffer | undefined;
  /** Messages that systemd had no room for. */
  readonly #waiting: string[] = [];
  #attempts = 0;

  constructor(env: NodeJS.ProcessEnv = process.env) {
    const name = env.NOTIFY_SOCKET ?? '';
    // Other forms ("vsock:…") are for machines, not for services.
    this.#address = name.startsWith('/') || name.startsWith('@') ? unixAddress(name) : undefined;
  }

  ready(): void {
    this.#sendSurely('READY=1');
  }

  /** The configuration is read again, until `ready()`. With its time, as `Type=notify-reload` wants it. */
  reloading(): void {
    this.#sendSurely(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
  }

  stopping(): void {
    this.#sendSurely('STOPPING=1');
  }

  /** One line for `systemctl status`. */
  status(text: string): void {
    this.#sendNow(`STATUS=${text.replaceAll(/[\r\n\0]+/g, ' ')}`);
  }

  /** A sign of life; `keepWatchdogCalm` sends it as often as it is wanted. */
  watchdog(): void {
    this.#sendNow('WATCHDOG=1');
  }

  #sendNow(message: string): void {
    if (this.#address) send(message, this.#address);
  }

  #sendSurely(message: string): void {
    if (!this.#address) return;
    this.#waiting.push(message);
    this.#attempts = 0;
    if (this.#waiting.length === 1) this.#flush(this.#address);
  }

  #flush(address: Buffer): void {
    while (this.#waiting.length > 0) {
      if (send(this.#waiting[0]!, address) === 'full' && this.#attempts++ < attemptsMax) {
        setTimeout(() => this.#flush(address), sendAgainMs).unref();
        return;
      }
      this.#waiting.shift();
    }
  }
}

/**
 * Gives signs of life at half of the interval after which systemd would end this process, until `signal` aborts. They come
 * from the main thread's event loop and from nowhere else: a shell whose loop does not turn cannot look after anything.
 */
export function keepWatchdogCalm(notifier: Notifier, signal: AbortSignal, env: NodeJS.ProcessEnv = process.env): void {
  const intervalMs = watchdogIntervalMs(env);
  if (intervalMs === undefined || signal.aborted) return;
  notifier.watchdog();
  const timer = setInterval(() => notifier.watchdog(), intervalMs / 2).unref();
  signal.addEventListener('abort', () => clearInterval(timer), {once: true});
}

/** After how long without a sign of life systemd ends this process; undefined when it does not watch it. */
export function watchdogIntervalMs(env: NodeJS.ProcessEnv = process.env, pid = process.pid): number | undefined {
  const microseconds = Number(env.WATCHDOG_USEC);
  const isMeant = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(pid);
  return isMeant && Number.isSafeInteger(microseconds) && microseconds > 0 ? microseconds / 1_000 : undefined;
}

/** `full`: there is no room now. `failed`: nobody will take it. */
function send(message: string, address: Buffer): 'sent' | 'full' | 'failed' {
  const bytes = Buffer.from(message);
  const {socket, sendto, close} = libc();
  const descriptor = socket(familyUnix, datagramSocket, 0);
  if (descriptor < 0) return 'full'; // of descriptors, of memory
  try {
    if (sendto(descriptor, bytes, BigInt(bytes.length), sendFlags, address, address.length) >= 0n) return 'sent';
    return ['EAGAIN', 'ENOBUFS', 'ENOMEM', 'EINTR'].includes(errorName()) ? 'full' : 'failed';
  } finally {
    close(descriptor);
  }
}
