import {lookup} from 'node:dns/promises';
import type {FusionConfig, ListenAddress} from '../../core/config/schema.ts';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';
import {loadConfig} from '../load-config.ts';
import {missingSection} from '../serve.ts';
import type {Described, ShellRole} from '../systemd/role.ts';
import {fusionUnits} from '../systemd/units.ts';
import {setupOfBootstrap} from './fusion-setup.ts';

export const fusionRole: ShellRole = {
  program: 'fusion',
  config: async (file, env) => {
    const {fusion} = await loadConfig(file, env);
    if (!fusion) throw missingSection(file, 'fusion');
    return described(fusion);
  },
  bootstrap: async (file, env) => described((await setupOfBootstrap(file, env)).fusion),
};

async function described({data, listen}: FusionConfig): Promise<Described> {
  const address = await numeric(listen);
  return {data, units: service => fusionUnits({...service, dataDirectory: data, listen: address})};
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
