import {runProgram} from '../run-program.ts';

const name = 'fustorctl';

void runProgram({
  name,
  commands: {
    'self-check': {
      summary: 'try every part of this executable on this machine',
      load: async () => {
        const {checkHttp, selfCheck} = await import('../self-check.ts');
        return selfCheck(name, {http: checkHttp});
      },
    },
  },
});
