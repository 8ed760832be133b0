import {runProgram} from '../run-program.ts';

const name = 'fustor-fusion';
const embedFlag = 'embed-controller';

void runProgram({
  name,
  leavesProcesses: true,
  otherwise: {
    usage: '--config FILE [--embed-controller] | --bootstrap FILE',
    load: async () => {
      const [{missingSection, serveCommand}, {setupOfBootstrap, setupOfFile}, {runFusion}] = await Promise.all([
        import('../serve.ts'),
        import('./fusion-setup.ts'),
        import('./run-fusion.ts'),
      ]);
      return serveCommand(
        name,
        (config, file, flags) => {
          if (!config.fusion) throw missingSection(file, 'fusion');
          const embedsController = config.fusion.embedsController || flags.has(embedFlag);
          return setupOfFile({...config, fusion: {...config.fusion, embedsController}}, file);
        },
        runFusion,
        {flags: [embedFlag], bootstrap: setupOfBootstrap},
      );
    },
  },
  commands: {
    engine: {
      summary: 'the writer of one view; only the shell starts it',
      load: async () => {
        const [{childCommand}, {engineConfig, runEngine}] = await Promise.all([
          import('../child-main.ts'),
          import('./engine/run-engine.ts'),
        ]);
        return childCommand('engine', engineConfig, runEngine);
      },
    },
    gateway: {
      summary: 'answers HTTP; only the shell starts it',
      load: async () => {
        const [{childCommand}, {gatewayConfig}, {runGateway}] = await Promise.all([
          import('../child-main.ts'),
          import('./gateway/gateway-config.ts'),
          import('./gateway/run-gateway.ts'),
        ]);
        return childCommand('gateway', gatewayConfig, runGateway);
      },
    },
    install: {
      summary: 'write the systemd units of this service',
      load: async () => {
        const [{installCommand}, {fusionRole}] = await Promise.all([
          import('../systemd/install.ts'),
          import('./fusion-role.ts'),
        ]);
        return installCommand(fusionRole);
      },
    },
    'end-parts': {
      summary: 'end what a shell has left running; the service calls it',
      load: async () => {
        const [{endPartsCommand}, {fusionRole}] = await Promise.all([
          import('../systemd/install.ts'),
          import('./fusion-role.ts'),
        ]);
        return endPartsCommand(fusionRole);
      },
    },
    controller: {
      summary: 'the controller that --embed-controller brings; only the shell starts it',
      load: async () => {
        const [{childCommand}, {embeddedControllerConfig, runEmbeddedController}] = await Promise.all([
          import('../child-main.ts'),
          import('../controller/run-controller.ts'),
        ]);
        return childCommand('controller', embeddedControllerConfig, runEmbeddedController);
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
