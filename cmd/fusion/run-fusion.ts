import type {Log} from '../../core/log/log.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {RecentLines} from '../recent-lines.ts';
import {obtainSocket} from '../shell/listening-socket.ts';
import {executeOrder} from '../shell/node-orders.ts';
import {Shell, type ShellControls} from '../shell/shell.ts';
import {claimDirectory} from '../shell/shell-directory.ts';
import {systemClock} from '../system-clock.ts';
import {FusionParts, isGateway} from './fusion-parts.ts';
import type {FusionSetup} from './fusion-setup.ts';
import {socketHandOver} from './gateway/gateway-config.ts';

type RunParts = {
  log: Log;
  signal: AbortSignal;
  controls?: ShellControls<FusionSetup>;
  ownLog?: RecentLines;
  onListening?: (url: string) => void;
};

/**
 * The shell: holds the listening socket and the data directory, starts gateways and engines and starts them again. It
 * accepts no connection and opens no store, so nothing that they do can hurt it. Resolves when `signal` aborts and all have
 * ended; rejects with LISTEN_FAILED or DATA_DIR_UNUSABLE.
 */
export async function runFusion(
  setup: FusionSetup,
  {log, signal, controls, ownLog, onListening}: RunParts,
): Promise<void> {
  const {fusion, views} = setup;
  const {runDirectory, survivors, release} = claimDirectory(fusion.data, 'fusion');
  const handedOnAt = survivors.filter(isGateway).map(({name}) => socketHandOver(runDirectory, name));
  const socket = await obtainSocket(fusion.listen, {handedOnAt, log}).catch(error => {
    release(); // nothing was begun
    throw error;
  });
  log.info({url: socket.url, data: fusion.data, views: views.map(({name}) => name)}, 'fusion listens');

  const configChanged = new Signal();
  const parts: FusionParts = new FusionParts(
    {setup, socket, runDirectory, survivors},
    {
      ...{clock: systemClock, random: Math.random, log, changed: new Signal()},
      execute: order => executeOrder(order, {parts, shell, runDirectory, ownLog}),
      config: () => shell.config,
      configChanged,
    },
  );
  const shell = new Shell<FusionSetup>(parts, {log, controls, runDirectory, changed: configChanged});
  await shell.run(setup, signal, () => onListening?.(socket.url));
  release();
  log.info({}, 'fusion stopped');
}
