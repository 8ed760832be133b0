import {runProgram} from '../run-program.ts';

void runProgram({
  name: 'npm start --',
  commands: {},
  leavesProcesses: true,
  otherwise: {usage: '[--port N] [--data FOLDER] DIRECTORY', load: async () => (await import('./start.ts')).start},
  notes: 'Runs a fusion and an agent on a directory, with all state in FOLDER (default: ./data).',
});
