import {runProgram} from '../run-program.ts';

const name = 'fustor-agent';

void runProgram({
  name,
  commands: {
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
