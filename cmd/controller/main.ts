import {FustorError} from '../../core/errors/fustor-error.ts';
import {runProgram} from '../run-program.ts';

const name = 'fustor-controller';

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
  otherwise: {
    usage: '[OPTION…]',
    load: async () => () => {
      throw new FustorError('USAGE', 'This version of the controller does not serve anything yet.', {
        hint: 'Agents and fusions run from their local configuration file: fustor-fusion --config FILE.',
      });
    },
  },
});
