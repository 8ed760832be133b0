import type {Verb} from '../verb.ts';
export const describe: Verb<object> = {name: 'describe', summary: '', declare: () => {}, run: async () => 0};
