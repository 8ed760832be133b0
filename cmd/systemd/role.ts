import {lookup} from 'node:dns/promises';
import type {AgentConfig, FusionConfig, FustorConfig, ListenAddress} from '../../core/config/schema.ts';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';
import {missingSection} from '../serve.ts';
import {agentUnits, fusionUnits, type Unit} from './units.ts';

type Service = Omit<Parameters<typeof agentUnits>[0], 'dataDirectory' | 'sourcePaths'>;

/** What differs between the services of the two shells. */
export type Role = {
  program: 'agent' | 'fusion';
  /** Throws CONFIG_INVALID when the file has no such section. */
  section(config: FustorConfig, file: string): AgentConfig | FusionConfig;
  units(service: Service, config: FustorConfig): Promise<Unit[]>;
};

export const agentRole: Role = {
  program: 'agent',
  section: (config, file) => config.agent ?? missing(file, 'agent'),
  units: async (service, {agent, sources}) =>
    agentUnits({...service, dataDirectory: agent!.data, sourcePaths: sources.map(({path}) => path)}),
};

export const fusionRole: Role = {
  program: 'fusion',
  section: (config, file) => config.fusion ?? missing(file, 'fusion'),
  units: async (service, {fusion}) =>
    fusionUnits({...service, dataDirectory: fusion!.data, listen: await numeric(fusion!.listen)}),
};

function missing(file: string, section: string): never {
  throw missingSection(file, section);
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
