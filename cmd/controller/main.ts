import {runProgram} from '../run-program.ts';

const name = 'fustor-controller';

void runProgram({
  name,
  otherwise: {
    usage: '--config FILE',
    load: async () => {
      const [{missingSection, serveCommand}, {runController}] = await Promise.all([
        import('../serve.ts'),
        import('./run-controller.ts'),
      ]);
      return serveCommand(
        name,
        (config, file) => {
          if (!config.controller) throw missingSection(file, 'controller');
          return {...config, controller: config.controller, logLevel: config.controller.logLevel};
        },
        runController,
      );
    },
  },
  commands: {
    install: {
      summary: 'write the systemd unit of this service',
      load: async () => {
        const [{installCommand}, {controllerRole}] = await Promise.all([
          import('../systemd/install.ts'),
          import('./controller-role.ts'),
        ]);
        return installCommand(controllerRole);
      },
    },
    'self-check': {
      summary: 'try every part of this executable on this machine',
      load: async () => {
        const {checkHttp, checkLibc, selfCheck} = await import('../self-check.ts');
        const {checkStore} = await import('../self-check-store.ts');
        return selfCheck(name, {store: checkStore, libc: checkLibc, http: checkHttp});
      },
    },
  },
});
