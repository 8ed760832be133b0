import {checkCertificate} from './check-certificate.ts';
import {checkClock} from './check-clock.ts';
import {checkConfig} from './check-config.ts';
import {checkDataDirectory} from './check-data-directory.ts';
import {checkDisk} from './check-disk.ts';
import {checkDns} from './check-dns.ts';
import {checkInotify} from './check-inotify.ts';
import {checkMount} from './check-mount.ts';
import {checkOpenFiles} from './check-open-files.ts';
import {checkOrphans} from './check-orphans.ts';
import {checkParts} from './check-parts.ts';
import {checkPort} from './check-port.ts';
import {checkSecrets} from './check-secrets.ts';
import {checkShell} from './check-shell.ts';
import {checkStore} from './check-store.ts';
import {checkVersion} from './check-version.ts';
import type {Check} from './finding.ts';

/** What explains others comes first. */
export const checks: readonly Check[] = [
  checkConfig,
  checkClock,
  checkDns,
  checkPort,
  checkCertificate,
  checkMount,
  checkDisk,
  checkDataDirectory,
  checkSecrets,
  checkStore,
  checkInotify,
  checkOpenFiles,
  checkShell,
  checkParts,
  checkOrphans,
  checkVersion,
];
