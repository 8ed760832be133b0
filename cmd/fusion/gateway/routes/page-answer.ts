/** A page of a list whose rows are JSON texts. `ndjson`: a row a line, and a last line with the meta. */
export function pageAnswer(rows: readonly string[], meta: object, format: 'json' | 'ndjson' = 'json'): Response {
  if (format === 'ndjson') {
    const lines = [...rows, JSON.stringify({meta})];
    return new Response(`${lines.join('\n')}\n`, {headers: {'content-type': 'application/x-ndjson'}});
  }
  const text = `{"data":[${rows.join(',')}],"meta":${JSON.stringify(meta)}}`;
  return new Response(text, {headers: {'content-type': 'application/json'}});
}
