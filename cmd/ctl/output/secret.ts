import {isObject, type Json} from '../exact-json.ts';
import type {Io} from '../io.ts';
import {jsonDocument} from './json.ts';

type Shown = {field: string; isJson: boolean; io: Io; notice: string};

/** The secret alone on stdout, so that `$(…)` is it; what is to be said of it on stderr. */
export async function showSecret(data: Json, {field, isJson, io, notice}: Shown): Promise<number> {
  const secret = isObject(data) ? data[field] : undefined;
  await io.write(isJson ? jsonDocument({data}) : `${secret}\n`);
  if (!isJson) io.notice(notice);
  return 0;
}
