import {runProgram} from '../run-program.ts';

const name = 'fustor-agent';

void runProgram({
  name,
  leavesProcesses: true,
  otherwise: {
    usage: '--config FILE | --bootstrap FILE',
    load: async () => {
      const [{missingSection, serveCommand}, {setupOfBootstrap, setupOfFile}, {runAgent}] = await Promise.all([
        import('../serve.ts'),
        import('./agent-setup.ts'),
        import('./run-agent.ts'),
      ]);
      return serveCommand(
        name,
        (config, file) => {
          if (!config.agent) throw missingSection(file, 'agent');
          return setupOfFile({...config, agent: config.agent}, file);
        },
        runAgent,
        {bootstrap: setupOfBootstrap},
      );
    },
  },
  commands: {
    payload: {
      summary: 'one pipe; only the shell starts it',
      load: async () => {
        const [{childCommand}, {payloadConfig, runPayload}] = await Promise.all([
          import('../child-main.ts'),
          import('./run-payload.ts'),
        ]);
        return childCommand('payload', payloadConfig, runPayload);
      },
    },
    install: {
      summary: 'write the systemd units of this service',
      load: async () => {
        const [{installCommand}, {agentRole}] = await Promise.all([
          import('../systemd/install.ts'),
          import('./agent-role.ts'),
        ]);
        return installCommand(agentRole);
      },
    },
    'end-parts': {
      summary: 'end what a shell has left running; the service calls it',
      load: async () => {
        const [{endPartsCommand}, {agentRole}] = await Promise.all([
          import('../systemd/install.ts'),
          import('./agent-role.ts'),
        ]);
        return endPartsCommand(agentRole);
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
