/** An agent's parts are its payloads, one a pipe. */
const prefix = 'payload-';

export function partOfPipe(pipe: string): string {
  return prefix + pipe;
}

/** Undefined for a part that is no payload. */
export function pipeOf(part: string): string | undefined {
  return part.startsWith(prefix) ? part.slice(prefix.length) : undefined;
}
