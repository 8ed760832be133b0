import {request as httpRequest} from 'node:http';
import {request as httpsRequest} from 'node:https';

export type Asked = {method?: string; key?: string; body?: unknown; tls?: {ca?: string; cert?: string; key?: string}};

/** One request on a connection of its own; over TLS with what `tls` says. */
export function askJson(
  url: string,
  {method, key, body, tls = {}}: Asked = {},
): Promise<{status: number; body: ReturnType<typeof JSON.parse>}> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    ...(key !== undefined && {authorization: `Bearer ${key}`}),
    ...(text !== undefined && {'content-length': Buffer.byteLength(text)}),
  };
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const options = {method: method ?? (text === undefined ? 'GET' : 'POST'), headers, agent: false, ...tls};
    const sent = request(url, options, response => {
      const chunks: Buffer[] = [];
      response.on('data', chunk => chunks.push(chunk));
      response.on('end', () =>
        resolve({status: response.statusCode!, body: JSON.parse(Buffer.concat(chunks).toString())}),
      );
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(text);
  });
}
