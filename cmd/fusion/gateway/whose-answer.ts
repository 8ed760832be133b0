import type {ServerResponse} from 'node:http';
import type {Key} from '../../http/keys.ts';

export type WhoseAnswer = {
  view: string | undefined;
  /** Without what stands behind the `?`: only the parameters that name the path are told. */
  request: string | undefined;
  path?: string;
  path_b64?: string;
  key: string;
  client: string | undefined;
};

/** Whose an answer is, for the log. Of a request as it is, because nothing of it is kept while a long answer is sent. */
export function whoseAnswer({req}: ServerResponse, {view, key}: {view: string | undefined; key: Key}): WhoseAnswer {
  const [request, query] = req.url?.split('?', 2) ?? [];
  const parameters = new URLSearchParams(query);
  const path = parameters.get('path');
  const path_b64 = parameters.get('path_b64');
  return {
    ...{view, request},
    ...(path !== null && {path}),
    ...(path_b64 !== null && {path_b64}),
    ...{key: key.name, client: req.socket.remoteAddress},
  };
}
