import {lookup} from 'node:dns/promises';
import type {FusionConfig, GitConfig, ListenAddress} from '../../core/config/schema.ts';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';
import {loadConfig} from '../load-config.ts';
import {missingSection} from '../serve.ts';
import {type Described, gitUse, type ShellRole} from '../systemd/role.ts';
import {fusionUnits} from '../systemd/units.ts';
import {setupOfBootstrap} from './fusion-setup.ts';

export const fusionRole: ShellRole = {
  program: 'fusion',
  config: async (file, env) => {
    const {fusion, controller} = await loadConfig(file, env);
    if (!fusion) throw missingSection(file, 'fusion');
    return described(fusion, fusion.embedsController ? controller?.git : undefined);
  },
  bootstrap: async (file, env) => described((await setupOfBootstrap(file, env)).fusion),
};

async function described({data, listen, tls}: FusionConfig, git?: GitConfig): Promise<Described> {
  const address = await numeric(listen);
  const facts = {dataDirectory: data, listen: address, ...gitUse(git, [tls?.certificate, tls?.key])};
  return {data, units: service => fusionUnits({...service, ...facts})};
}

/** systemd takes no names. A port that the kernel is to choose is not for a socket that outlives the fusion. */
async function numeric({host, port}: ListenAddress): Promise<ListenAddress | undefined> {
  if (port === 0) return undefined;
  try {
    return {host: (await lookup(host)).address, port};
  } catch (cause) {
    throw new FustorError(
      'LISTEN_FAILED',
      `"listen" is ${host}:${port}, a name without address: ${systemErrorCode(cause)}.`,
      {
        cause,
        hint: 'Write the address itself into the configuration.',
      },
    );
  }
}
