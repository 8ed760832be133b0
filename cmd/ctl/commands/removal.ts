import type {KindName} from '../kinds.ts';
import {kinds} from '../kinds.ts';
import {jsonDocument} from '../output/json.ts';
import type {Verb} from '../verb.ts';

type Removal = {name: string; summary: string; kindName: KindName; done: string};

/** A verb that takes one of a kind away. */
function removal({name, summary, kindName, done}: Removal): Verb<object> {
  const {singular, path} = kinds[kindName];
  return {
    name,
    summary,
    declare: command => command.argument('<name>', `of the ${singular}, as "get ${kindName}" tells it`),
    completes: [{kind: kindName}, 'nothing'],

    run: async ({control, argument, isJson, io}) => {
      const {data} = await control.delete(`${path}/${argument!.split('/').map(encodeURIComponent).join('/')}`);
      await io.write(isJson ? jsonDocument({data: data ?? {name: argument}}) : `${argument} ${done}.\n`);
      return 0;
    },
  };
}

export const keyRevoke = removal({
  name: 'key revoke',
  summary: 'Have an API key refused from now on.',
  kindName: 'keys',
  done: 'is revoked',
});
export const enrollTokenRevoke = removal({
  name: 'enroll-token revoke',
  summary: 'Have an enrolment token refused from now on; who has enrolled with it stays.',
  kindName: 'enroll-tokens',
  done: 'is revoked',
});
export const credentialDelete = removal({
  name: 'credential delete',
  summary: 'Remove a credential that nothing in the desired state names.',
  kindName: 'credentials',
  done: 'is deleted',
});
export const identityRevoke = removal({
  name: 'identity revoke',
  summary: 'Cut a node off: its token and certificates count no more, from now on. Its local work goes on.',
  kindName: 'identities',
  done: 'is revoked',
});
