import {loadConfig} from '../load-config.ts';
import {missingSection} from '../serve.ts';
import {gitUse, type Role} from '../systemd/role.ts';
import {controllerUnits} from '../systemd/units.ts';

export const controllerRole: Role = {
  program: 'controller',
  config: async (file, env) => {
    const {controller} = await loadConfig(file, env);
    if (!controller) throw missingSection(file, 'controller');
    const {data, listen, tls, git} = controller;
    const use = gitUse(git, [tls?.files?.certificate, tls?.files?.key]);
    const facts = {dataDirectory: data, port: listen.port, ...use};
    return {data, units: service => controllerUnits({...service, ...facts})};
  },
};
