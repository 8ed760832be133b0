import type {GitConfig} from '../../core/config/schema.ts';
import type {Program} from '../program.ts';
import type {GitUse, ServiceOptions, Unit} from './units.ts';

export type Service = Omit<ServiceOptions, 'dataDirectory'>;

/** What a file says of a service. */
export type Described = {data: string; units: (service: Service) => Unit[]};

/** With the variables that the service has. Throws CONFIG_INVALID. */
type Describe = (file: string, env?: NodeJS.ProcessEnv) => Promise<Described>;

/** What differs between the services of the programs, by the option that names the file they are started with. */
export type Role = {
  program: Exclude<Program, 'ctl'>;
  config: Describe;
  bootstrap?: Describe;
};

/** Of a program that leaves parts behind. */
export type ShellRole = Role & {program: 'agent' | 'fusion'};

/** `files`: what the program reads besides, if it does. */
export function gitUse(git: GitConfig | undefined, files: readonly (string | undefined)[] = []): GitUse {
  const otherPaths = [...files, git?.allowedSigners, git?.url].filter(path => path?.startsWith('/') === true);
  return {hasGit: git !== undefined, otherPaths: otherPaths.map(path => path!)};
}
