import {loadConfig} from '../load-config.ts';
import {missingSection} from '../serve.ts';
import type {Role} from '../systemd/role.ts';
import {controllerUnits} from '../systemd/units.ts';

export const controllerRole: Role = {
  program: 'controller',
  config: async (file, env) => {
    const {controller} = await loadConfig(file, env);
    if (!controller) throw missingSection(file, 'controller');
    const {data, listen, tls, git} = controller;
    const files = [tls?.files?.certificate, tls?.files?.key, git?.allowedSigners, git?.url];
    const otherPaths = files.filter(path => path?.startsWith('/') === true).map(path => path!);
    const facts = {dataDirectory: data, port: listen.port, hasGit: git !== undefined, otherPaths};
    return {data, units: service => controllerUnits({...service, ...facts})};
  },
};
