import {isObject} from '../exact-json.ts';
import {metaNotices} from '../meta-notices.ts';
import {jsonDocument} from '../output/json.ts';
import {cell, fieldTable} from '../output/table.ts';
import {pathParameters} from '../path-argument.ts';
import {settledHelp} from '../settled-condition.ts';
import type {Verb} from '../verb.ts';
import {viewPath} from '../view-path.ts';

export const stat: Verb<{settled?: string; pathB64?: string; sync?: boolean}> = {
  name: 'stat',
  summary: 'Show everything known about one file or directory.',
  declare: command =>
    command
      .argument('[path]', 'path in the view; without one its root')
      .option('--sync', "wait until every change made through the leader's mount is in the answer")
      .option('--settled <duration>', settledHelp)
      .option('--path-b64 <bytes>', 'the path as base64url of its bytes, for one that is not UTF-8'),

  run: async ({client, view, argument, flags, isJson, io}) => {
    const asked = {...pathParameters(argument, flags.pathB64), sync: flags.sync, settled: flags.settled};
    const answer = await client.get(viewPath(view, 'fs/stat'), asked);
    if (isJson) {
      await io.write(jsonDocument(answer));
      return 0;
    }
    await io.write(isObject(answer.data) ? fieldTable(answer.data) : `${cell('data', answer.data)}\n`);
    if (isObject(answer.meta)) for (const notice of metaNotices(answer.meta)) io.notice(notice);
    return 0;
  },
};
